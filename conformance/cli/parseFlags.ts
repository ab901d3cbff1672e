import { didYouMean } from "../nearest.ts"

export interface Flag {
  /** Without the dashes. */
  readonly name: string
  /** What its value is called in help; null where it takes none. */
  readonly value: string | null
  readonly description: string
  /** Values with commas between them; the flag may be given several times. */
  readonly list?: true
  readonly choices?: ReadonlyArray<string>
  readonly fallback?: string
}

export interface Command {
  readonly name: string
  readonly summary: string
  readonly details: ReadonlyArray<string>
  /** What its positional arguments are called; null where it takes none. */
  readonly files: string | null
  readonly flags: ReadonlyArray<Flag>
  readonly examples: ReadonlyArray<string>
}

/** The command line is wrong: exit code 2. Everything that is wrong with it, a line each. */
export class UsageFault extends Error {
  override readonly name = "UsageFault"
  readonly lines: ReadonlyArray<string>
  readonly see: string

  constructor(lines: ReadonlyArray<string>, see: string) {
    super(lines.join("\n"))
    this.lines = lines
    this.see = see
  }
}

/** The flags of one command line. Readers gather what is wrong; `done` throws it, all together. */
export class Parsed {
  readonly #values: ReadonlyMap<string, ReadonlyArray<string>>
  readonly #faults: Array<string>
  readonly #see: string
  readonly files: ReadonlyArray<string>

  constructor(
    values: ReadonlyMap<string, ReadonlyArray<string>>,
    files: ReadonlyArray<string>,
    faults: Array<string>,
    see: string
  ) {
    this.#values = values
    this.files = files
    this.#faults = faults
    this.#see = see
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  text(name: string): string | null {
    return this.#values.get(name)?.[0] ?? null
  }

  list(name: string): ReadonlyArray<string> {
    return this.#values.get(name) ?? []
  }

  /** One of the flag's choices, which have been checked. */
  choice<const A extends string>(name: string, choices: ReadonlyArray<A>, fallback: A): A {
    return choices.find((choice) => choice === this.text(name)) ?? fallback
  }

  number(name: string, least: number, most: number, whole: boolean): number | null {
    const text = this.text(name)
    if (text === null) return null
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
    if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value
    this.fault(`--${name} ${text}: give a ${whole ? "whole " : ""}number from ${least} to ${most}`)
    return null
  }

  fault(line: string): void {
    this.#faults.push(line)
  }

  done(): void {
    if (this.#faults.length > 0) throw new UsageFault(this.#faults, this.#see)
  }
}

/** Reads `--name value`, `--name=value` and positional arguments in any order; `--` ends the flags. */
export const parseFlags = (path: string, command: Command, tokens: ReadonlyArray<string>): Parsed => {
  const values = new Map<string, ReadonlyArray<string>>()
  const files: Array<string> = []
  const faults: Array<string> = []
  const names = command.flags.map(({ name }) => `--${name}`)
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] ?? ""
    if (token === "--") {
      files.push(...tokens.slice(at + 1))
      break
    }
    if (!token.startsWith("-") || token === "-") {
      files.push(token)
      continue
    }
    const equals = token.startsWith("--") ? token.indexOf("=") : -1
    const written = equals < 0 ? token : token.slice(0, equals)
    const flag = command.flags.find(({ name }) => written === `--${name}`)
    if (flag === undefined) {
      faults.push(`${path} has no flag ${written}${didYouMean(written, names)}`)
      continue
    }
    if (flag.value === null) {
      if (equals >= 0) faults.push(`${written} takes no value`)
      values.set(flag.name, [])
      continue
    }
    const attached = equals < 0 ? undefined : token.slice(equals + 1)
    const next = tokens[at + 1]
    // a value may begin with dashes, but a flag of ours is none
    const value = attached ?? (next !== undefined && names.includes(next) ? undefined : next)
    if (value === undefined || value === "") {
      faults.push(`${written} needs a value: ${written} ${flag.value}`)
      if (attached === undefined && value === "") at += 1
      continue
    }
    if (attached === undefined) at += 1
    const given = flag.list === true ? splitList(value) : [value]
    if (values.has(flag.name) && flag.list !== true) faults.push(`${written} is given twice`)
    for (const one of given) {
      if (flag.choices?.includes(one) !== false) continue
      const choices = `use one of: ${flag.choices.join(", ")}`
      faults.push(`${written} cannot be "${one}"${didYouMean(one, flag.choices, `; ${choices}`)}`)
    }
    values.set(flag.name, [...(values.get(flag.name) ?? []), ...given])
  }
  if (command.files === null && files.length > 0) {
    faults.push(`${path} takes no arguments; "${files[0]}" is one too many`)
  }
  return new Parsed(values, files, faults, `see: ${path} --help`)
}

const splitList = (value: string): ReadonlyArray<string> =>
  value
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "")
