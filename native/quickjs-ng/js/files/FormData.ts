import { illegalInvocation, needArguments, usvString } from "../webidl/convert.ts"
import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"
import { forEachPair, iteratesEntries, pairIterator } from "../webidl/pairIterator.ts"
import { isBlob } from "./Blob.ts"
import { asFile, type File } from "./File.ts"

export type Entry = readonly [name: string, value: string | File]

/** Set by the class below. */
let entriesIn: (form: FormData) => Array<Entry>
let isForm: (value: unknown) => value is FormData

/** XMLHttpRequest standard, 4.3. */
export class FormData {
  #entries: Array<Entry> = []

  static {
    entriesIn = (form) => form.#entries
    isForm = (value): value is FormData => isObject(value) && #entries in value
  }

  constructor(form: undefined = undefined, submitter: null = null) {
    if (form !== undefined || submitter !== null) {
      throw new TypeError("FormData: there are no form elements here; begin with new FormData()")
    }
  }

  append(name: string, value: unknown, filename?: string): undefined {
    check(this, "append")
    needArguments(arguments.length, 2, "FormData.append")
    this.#entries.push(entry(name, value, arguments.length > 2, filename, "FormData.append"))
  }

  delete(name: string): undefined {
    check(this, "delete")
    needArguments(arguments.length, 1, "FormData.delete")
    const key = usvString(name)
    this.#entries = this.#entries.filter(([held]) => held !== key)
  }

  get(name: string): string | File | null {
    check(this, "get")
    needArguments(arguments.length, 1, "FormData.get")
    const key = usvString(name)
    for (const [held, value] of this.#entries) if (held === key) return value
    return null
  }

  getAll(name: string): Array<string | File> {
    check(this, "getAll")
    needArguments(arguments.length, 1, "FormData.getAll")
    const key = usvString(name)
    const found: Array<string | File> = []
    for (const [held, value] of this.#entries) if (held === key) found.push(value)
    return found
  }

  has(name: string): boolean {
    check(this, "has")
    needArguments(arguments.length, 1, "FormData.has")
    const key = usvString(name)
    return this.#entries.some(([held]) => held === key)
  }

  set(name: string, value: unknown, filename?: string): undefined {
    check(this, "set")
    needArguments(arguments.length, 2, "FormData.set")
    const made = entry(name, value, arguments.length > 2, filename, "FormData.set")
    const index = this.#entries.findIndex(([held]) => held === made[0])
    if (index < 0) {
      this.#entries.push(made)
      return
    }
    this.#entries = this.#entries.filter(([held], at) => at <= index || held !== made[0])
    this.#entries[index] = made
  }

  forEach(
    callback: (value: string | File, name: string, form: FormData) => void,
    thisArgument?: unknown
  ): undefined {
    check(this, "forEach")
    needArguments(arguments.length, 1, "FormData.forEach")
    forEachPair(this, () => this.#entries, callback, thisArgument, "FormData.forEach")
  }

  keys(): IterableIterator<string> {
    check(this, "keys")
    return iterate(this, "keys")
  }

  values(): IterableIterator<string | File> {
    check(this, "values")
    return iterate(this, "values")
  }

  entries(): IterableIterator<[string, string | File]> {
    check(this, "entries")
    return iterate(this, "entries")
  }

  declare [Symbol.iterator]: () => IterableIterator<[string, string | File]>
}
describeInterface(FormData, "FormData", 0)
iteratesEntries(FormData.prototype)
const iterate = pairIterator<FormData>("FormData", (form) => entriesIn(form))

const check = (value: FormData, member: string): void => {
  if (!isForm(value)) throw illegalInvocation(`FormData.${member}`)
}

/** "Create an entry". */
const entry = (name: unknown, value: unknown, named: boolean, filename: unknown, what: string): Entry => {
  const key = usvString(name)
  if (isBlob(value)) return [key, asFile(value, filename === undefined ? undefined : usvString(filename))]
  if (named) throw new TypeError(`${what}: only a Blob has a file name`)
  return [key, usvString(value)]
}

export const isFormData = (value: unknown): value is FormData => isForm(value)
export const formEntries = (form: FormData): ReadonlyArray<Entry> => entriesIn(form)
/** Puts an entry in as it is. */
export const addEntry = (form: FormData, entry: Entry): void => {
  entriesIn(form).push(entry)
}
