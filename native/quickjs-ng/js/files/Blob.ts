import { native } from "bunbase:core"
import type * as Encoding from "../segments/encoding.ts"
import type { ReadableStream } from "../segments/streams.ts"
import type * as Streams from "../segments/streams.ts"
import { bytesOfSource, joinBytes } from "../webidl/bytes.ts"
import {
  clampedLongLong,
  dictionary,
  domString,
  enumeration,
  illegalInvocation,
  iteratorMethod,
  sequence,
  usvString
} from "../webidl/convert.ts"
import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"

const streams = (): typeof Streams => native.segment("streams") as typeof Streams

export interface BlobPropertyBag {
  readonly type?: string
  readonly endings?: "transparent" | "native"
}

const NO_BYTES = new Uint8Array(0)
const OUTSIDE_ASCII = /[^\x20-\x7e]/

/** A type as the File API takes it: lower case; nothing where a character is none of a type. */
const normalType = (value: unknown): string => {
  const text = domString(value)
  return OUTSIDE_ASCII.test(text) ? "" : text.toLowerCase()
}

/** Set by the class below. */
let bytesIn: (blob: Blob) => Uint8Array
let typeIn: (blob: Blob) => string
let isBlobObject: (value: unknown) => value is Blob
/** Gives a Blob that was made empty (maybe of a derived class) what it holds. */
let fill: (blob: Blob, bytes: Uint8Array, type: string) => void

/** File API, 3. All of it is in memory; its bytes are shared with its slices and never change. */
export class Blob {
  #bytes: Uint8Array = NO_BYTES
  #type = ""

  static {
    bytesIn = (blob) => blob.#bytes
    typeIn = (blob) => blob.#type
    isBlobObject = (value): value is Blob => isObject(value) && #bytes in value
    fill = (blob, bytes, type) => {
      blob.#bytes = bytes
      blob.#type = type
    }
  }

  constructor(blobParts?: Iterable<unknown>, options?: BlobPropertyBag) {
    if (blobParts === undefined && options === undefined) return
    const parts = blobParts === undefined ? [] : partsOf(blobParts)
    const bag = dictionary(options, "Blob")
    const given = bag["endings"]
    const endings =
      given === undefined ? "transparent" : enumeration(given, ["transparent", "native"], "Blob, endings")
    const type = bag["type"]
    if (type !== undefined) this.#type = normalType(type)
    this.#bytes = bytesOfParts(parts, endings === "native")
  }

  get size(): number {
    check(this, "size")
    return this.#bytes.length
  }

  get type(): string {
    check(this, "type")
    return this.#type
  }

  slice(start?: number, end?: number, contentType?: string): Blob {
    check(this, "slice")
    const { length } = this.#bytes
    const from = relative(start, length, 0)
    const to = relative(end, length, length)
    const type = contentType === undefined ? "" : normalType(contentType)
    return makeBlob(this.#bytes.subarray(from, Math.max(from, to)), type)
  }

  stream(): ReadableStream {
    check(this, "stream")
    return streams().streamOfBytes(this.#bytes)
  }

  textStream(): ReadableStream {
    check(this, "textStream")
    const { pipeThrough } = streams().ReadableStream.prototype
    const { TextDecoderStream } = native.segment("encoding") as typeof Encoding
    return Reflect.apply(pipeThrough, this.stream(), [new TextDecoderStream()]) as ReadableStream
  }

  text(): Promise<string> {
    return promised(this, "text", () => native.utf8Decode(withoutMark(this.#bytes), false))
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return promised(this, "arrayBuffer", () => this.#bytes.slice().buffer as ArrayBuffer)
  }

  bytes(): Promise<Uint8Array> {
    return promised(this, "bytes", () => this.#bytes.slice())
  }
}
describeInterface(Blob, "Blob", 0)

const check = (value: Blob, member: string): void => {
  if (!isBlobObject(value)) throw illegalInvocation(`Blob.${member}`)
}

const promised = <A>(value: Blob, member: string, read: () => A): Promise<A> => {
  try {
    check(value, member)
    return Promise.resolve(read())
  } catch (error) {
    return Promise.reject(error)
  }
}

const withoutMark = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes

const relative = (given: unknown, length: number, absent: number): number => {
  if (given === undefined) return absent
  const at = clampedLongLong(given)
  return at < 0 ? Math.max(length + at, 0) : Math.min(at, length)
}

type Part = Uint8Array | string

const partsOf = (given: unknown): Array<Part> => {
  const what = "Blob"
  const method = isObject(given) ? iteratorMethod(given, what) : undefined
  if (method === undefined) throw new TypeError(`${what}: the parts are no list; give [part, …]`)
  return sequence(given as object, method, partOf, what)
}

const partOf = (part: unknown): Part => {
  if (typeof part === "string") return usvString(part)
  const bytes = bytesOfSource(part)
  if (bytes !== null) return bytes
  return isBlobObject(part) ? bytesIn(part) : usvString(part)
}

const LINE_ENDS = /\r\n?/g

const bytesOfParts = (parts: ReadonlyArray<Part>, nativeEndings: boolean): Uint8Array => {
  const pieces: Array<Uint8Array> = []
  let size = 0
  for (const part of parts) {
    const piece =
      typeof part === "string"
        ? native.utf8Encode(nativeEndings ? part.replace(LINE_ENDS, "\n") : part)
        : part
    size += piece.length
    pieces.push(piece)
  }
  return size === 0 ? NO_BYTES : joinBytes(pieces, size)
}

export const isBlob = (value: unknown): value is Blob => isBlobObject(value)
/** What it holds: shared, not to be changed. */
export const blobBytes = (blob: Blob): Uint8Array => bytesIn(blob)
export const blobType = (blob: Blob): string => typeIn(blob)
export const fillBlob = (blob: Blob, bytes: Uint8Array, type: string): void => fill(blob, bytes, type)

/** A Blob of bytes that nobody will change. */
export const makeBlob = (bytes: Uint8Array, type: string): Blob => {
  const blob = new Blob()
  fill(blob, bytes, type)
  return blob
}
