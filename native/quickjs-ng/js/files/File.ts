import { dictionary, illegalInvocation, longLong, needArguments, usvString } from "../webidl/convert.ts"
import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"
import { Blob, blobBytes, type BlobPropertyBag, blobType, fillBlob, isBlob, makeBlob } from "./Blob.ts"

export interface FilePropertyBag extends BlobPropertyBag {
  readonly lastModified?: number
}

/** Set by the class below. */
let isFileObject: (value: unknown) => value is File
let fill: (file: File, name: string, lastModified: number) => void
let modifiedIn: (file: File) => number
let nameIn: (file: File) => string

/** File API, 4. */
export class File extends Blob {
  #name: string
  #lastModified: number

  static {
    isFileObject = (value): value is File => isObject(value) && #name in value
    nameIn = (file) => file.#name
    modifiedIn = (file) => file.#lastModified
    fill = (file, name, lastModified) => {
      file.#name = name
      file.#lastModified = lastModified
    }
  }

  constructor(fileBits: Iterable<unknown>, fileName: string, options?: FilePropertyBag) {
    needArguments(arguments.length, 2, "File")
    super(fileBits === undefined ? (null as never) : fileBits, options)
    this.#name = usvString(fileName)
    const modified = dictionary(options, "File")["lastModified"]
    this.#lastModified = modified === undefined ? now() : longLong(modified)
  }

  get name(): string {
    if (!isFileObject(this)) throw illegalInvocation("File.name")
    return this.#name
  }

  get lastModified(): number {
    if (!isFileObject(this)) throw illegalInvocation("File.lastModified")
    return this.#lastModified
  }
}
describeInterface(File, "File", 2)

const { now } = Date

export const isFile = (value: unknown): value is File => isFileObject(value)
export const fileName = (file: File): string => nameIn(file)

/** A File of bytes that nobody will change. */
export const makeFile = (
  bytes: Uint8Array,
  type: string,
  name: string,
  lastModified: number = now()
): File => {
  const file = new File([], "")
  fillBlob(file, bytes, type)
  fill(file, name, lastModified)
  return file
}

/** What structuredClone makes of a Blob or a File; null for anything else. */
export const cloneBlob = (value: object): object | null => {
  if (!isBlob(value)) return null
  return isFileObject(value)
    ? makeFile(blobBytes(value), blobType(value), nameIn(value), modifiedIn(value))
    : makeBlob(blobBytes(value), blobType(value))
}

/** A form's entry of a Blob: a File, with the name that the caller gave it. */
export const asFile = (blob: Blob, name: string | undefined): File => {
  if (isFileObject(blob)) {
    return name === undefined ? blob : makeFile(blobBytes(blob), blobType(blob), name, modifiedIn(blob))
  }
  return makeFile(blobBytes(blob), blobType(blob), name ?? "blob")
}
