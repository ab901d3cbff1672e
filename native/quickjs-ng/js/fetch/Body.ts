import { native } from "bunbase:core"
import type { Blob } from "../files/Blob.ts"
import type { FormData } from "../files/FormData.ts"
import type { ReadableStream } from "../segments/streams.ts"
import { bytesOfSource } from "../webidl/bytes.ts"
import { files, more, streams, url } from "./lazy.ts"
import { usvString } from "../webidl/convert.ts"

const NO_BYTES = new Uint8Array(0)

/**
 * A body of the Fetch standard. What is in memory (`text`, `bytes`) stays there, shared by clones and never changed; a
 * stream of it is made when somebody asks for one.
 */
export class Body {
  /** In memory as a well-formed string. */
  readonly text: string | null
  /** In memory as bytes that nobody changes. */
  readonly bytes: Uint8Array | null
  stream: ReadableStream | null
  /** Was read without a stream. */
  used = false

  constructor(text: string | null, bytes: Uint8Array | null, stream: ReadableStream | null) {
    this.text = text
    this.bytes = bytes
    this.stream = stream
  }

  get inMemory(): boolean {
    return this.text !== null || this.bytes !== null
  }

  get disturbed(): boolean {
    return this.used || (this.stream !== null && streams().isDisturbed(this.stream))
  }

  get locked(): boolean {
    return this.stream !== null && streams().isLocked(this.stream)
  }

  get unusable(): boolean {
    return this.used || (this.stream !== null && (this.disturbed || this.locked))
  }

  /** What is in memory, as bytes. */
  memory(): Uint8Array {
    return this.bytes ?? (this.text === "" ? NO_BYTES : native.utf8Encode(this.text as string))
  }

  /** The stream of it, for `body`. One that was read already is closed and locked. */
  open(): ReadableStream {
    if (this.stream !== null) return this.stream
    this.stream = streams().streamOfBytes(this.memory())
    if (this.used) streams().useUp(this.stream)
    return this.stream
  }

  /** Reads what is in memory; the stream, if there is one, is used up. */
  take(): void {
    this.used = true
    if (this.stream !== null) streams().useUp(this.stream)
  }

  /** A second body of the same content. The caller has checked that this one is usable. */
  clone(): Body {
    if (this.stream === null) return new Body(this.text, this.bytes, null)
    const [mine, other] = streams().teeForClone(this.stream)
    this.stream = mine
    return new Body(this.text, this.bytes, other)
  }

  /** The same content for another owner; this one has been read then. */
  handOver(): Body {
    if (this.inMemory) {
      this.take()
      return new Body(this.text, this.bytes, null)
    }
    return new Body(null, null, streams().proxyOf(this.open()))
  }
}

export interface Extracted {
  readonly body: Body
  /** The `Content-Type` that goes with it. */
  readonly type: string | null
}

const text = (value: string, type: string): Extracted => ({ body: new Body(value, null, null), type })

/** "Extract a body" of what a caller gave, `null` and `undefined` excepted. */
export const extractBody = (init: unknown, what: string): Extracted => {
  if (typeof init === "object" && init !== null) {
    const extracted = extractObject(init, what)
    if (extracted !== null) return extracted
  }
  return text(usvString(init), "text/plain;charset=UTF-8")
}

const extractObject = (init: object, what: string): Extracted | null => {
  const bytes = bytesOfSource(init)
  if (bytes !== null) return { body: new Body(null, bytes.slice(), null), type: null }
  // the tag says which segment is asked first; a wrong tag costs the loading of the others, and nothing else
  const tag = tagOf(init)
  for (const one of KINDS)
    if (one.tags.includes(tag)) return one.extract(init, what) ?? extractAny(init, what)
  return tag === "Object" || tag === "Array" ? iterableBody(init) : extractAny(init, what)
}

const extractAny = (init: object, what: string): Extracted | null => {
  for (const one of KINDS) {
    const extracted = one.extract(init, what)
    if (extracted !== null) return extracted
  }
  return iterableBody(init)
}

const objectToString = Object.prototype.toString
const tagOf = (value: object): string => (Reflect.apply(objectToString, value, []) as string).slice(8, -1)

const KINDS: ReadonlyArray<{
  readonly tags: ReadonlyArray<string>
  readonly extract: (init: object, what: string) => Extracted | null
}> = [
  {
    tags: ["Blob", "File"],
    extract: (init) => {
      if (!files().isBlob(init)) return null
      const type = files().blobType(init)
      return { body: new Body(null, files().blobBytes(init), null), type: type === "" ? null : type }
    }
  },
  {
    tags: ["FormData"],
    extract: (init) => {
      if (!files().isFormData(init)) return null
      const { bytes, type } = files().serialiseMultipart(init)
      return { body: new Body(null, bytes, null), type }
    }
  },
  {
    tags: ["URLSearchParams"],
    extract: (init) => {
      const { URLSearchParams } = url()
      if (!(init instanceof URLSearchParams)) return null
      const query = Reflect.apply(URLSearchParams.prototype.toString, init, []) as string
      return text(query, "application/x-www-form-urlencoded;charset=UTF-8")
    }
  },
  {
    tags: ["ReadableStream"],
    extract: (init, what) => {
      const { isDisturbed, isLocked, isReadableStream } = streams()
      if (!isReadableStream(init)) return null
      if (isDisturbed(init) || isLocked(init)) {
        throw new TypeError(`${what}: the stream given as body is locked or was read already`)
      }
      return { body: new Body(null, null, init), type: null }
    }
  }
]

/** Async iterables are bodies too, as on other servers' runtimes; any other object is its string. */
const iterableBody = (init: object): Extracted | null => {
  const method = (init as { readonly [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator]
  if (typeof method !== "function") return null
  return {
    body: new Body(null, null, streams().streamOfIterable(init as AsyncIterable<unknown>)),
    type: null
  }
}

// Reading -------------------------------------------------------------------------------------------------------------

export interface BodyOwner {
  readonly body: Body | null
  /** The combined `Content-Type`. */
  contentType(): string | null
}

type Convert<A> = (
  body: { readonly text: string | null; readonly bytes: () => Uint8Array },
  owner: BodyOwner
) => A

const consume = <A>(owner: BodyOwner, what: string, convert: Convert<A>): Promise<A> => {
  try {
    const { body } = owner
    if (body === null) return Promise.resolve(convert({ text: "", bytes: () => NO_BYTES }, owner))
    if (body.unusable) {
      throw new TypeError(
        `${what}: the body was read already, or is being read; clone() before reading twice`
      )
    }
    if (!body.inMemory) {
      return streams()
        .readAllBytes(body.open())
        .then((bytes) => convert({ text: null, bytes: () => bytes }, owner))
    }
    body.take()
    return Promise.resolve(convert({ text: body.text, bytes: () => body.memory() }, owner))
  } catch (error) {
    return Promise.reject(error)
  }
}

const BOM = 0xfeff
const utf8 = (bytes: Uint8Array): string => {
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  return native.utf8Decode(marked ? bytes.subarray(3) : bytes, false)
}

const asText: Convert<string> = ({ text, bytes }) =>
  text === null ? utf8(bytes()) : text.charCodeAt(0) === BOM ? text.slice(1) : text

export const consumeText = (owner: BodyOwner, what: string): Promise<string> => consume(owner, what, asText)

const { parse } = JSON
export const consumeJson = (owner: BodyOwner, what: string): Promise<unknown> =>
  consume(owner, what, (body) => parse(asText(body, owner)) as unknown)

export const consumeBytes = (owner: BodyOwner, what: string): Promise<Uint8Array> =>
  // bytes that are in memory may be shared
  consume(owner, what, ({ bytes }) => (owner.body?.bytes == null ? exact(bytes()) : bytes().slice()))

const exact = (bytes: Uint8Array): Uint8Array =>
  bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength && bytes !== NO_BYTES
    ? bytes
    : bytes.slice()

export const consumeArrayBuffer = (owner: BodyOwner, what: string): Promise<ArrayBuffer> =>
  consumeBytes(owner, what).then(bufferOf)
const bufferOf = (bytes: Uint8Array): ArrayBuffer => bytes.buffer as ArrayBuffer

export const consumeBlob = (owner: BodyOwner, what: string): Promise<Blob> =>
  consume(owner, what, ({ bytes }) => {
    const type = more().extractMimeType(owner.contentType())
    return files().makeBlob(bytes(), type === null ? "" : more().serialiseMimeType(type))
  })

export const consumeFormData = (owner: BodyOwner, what: string): Promise<FormData> =>
  consume(owner, what, ({ bytes }) => {
    const type = more().extractMimeType(owner.contentType())
    if (type?.essence === "multipart/form-data") {
      return files().parseMultipart(bytes(), type.parameters.get("boundary"), what)
    }
    if (type?.essence === "application/x-www-form-urlencoded") return files().formDataOfUrlencoded(bytes())
    throw new TypeError(
      `${what}: the Content-Type is ${type === null ? "missing or malformed" : type.essence}; it has to be multipart/form-data or application/x-www-form-urlencoded`
    )
  })
