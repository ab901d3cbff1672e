import { native } from "bunbase:core"
import {
  acquireReader,
  cancelStream,
  chunkSteps,
  closeSteps,
  disturbed,
  errorSteps,
  isLocked,
  isReadableStream,
  readInto,
  ReadableByteStreamController,
  ReadableStream,
  type ReadableStreamDefaultReader
} from "web-streams-polyfill"
import { bytesOfSource, isArrayBuffer, joinBytes } from "../webidl/bytes.ts"

/** What bodies and Blobs need of streams. None of it calls what user code could have replaced. */

type Stream = ReadableStream<unknown>

export { isLocked, isReadableStream }

export const isDisturbed = (stream: Stream): boolean =>
  (stream as unknown as Record<typeof disturbed, boolean>)[disturbed]

const silent = (): void => {}

/** Makes a stream read and locked for good. */
export const useUp = (stream: Stream): void => {
  cancelStream(stream).then(silent, silent)
  acquireReader(stream)
}

/** Cancels a stream whoever reads it, and does not care what its source makes of that. */
export const cancelQuietly = (stream: Stream, reason: unknown): void => {
  cancelStream(stream, reason).then(silent, silent)
}

/** A byte stream of bytes that are not changed, and not given away: each chunk is a copy. */
export const streamOfBytes = (bytes: Uint8Array): ReadableStream<Uint8Array> => {
  const CHUNK = 65_536
  let at = 0
  const source = {
    type: "bytes" as const,
    pull(controller: ReadableByteStreamController): void {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at + CHUNK))
      at += CHUNK
      if (at < bytes.length) return
      controller.close()
      // whoever waits with a buffer of his own gets it back empty
      controller.byobRequest?.respond(0)
    }
  }
  return new ReadableStream(source, { highWaterMark: 0 }) as ReadableStream<Uint8Array>
}

/** A stream of what an async iterable gives: bytes as they are, strings as UTF-8. */
export const streamOfIterable = (iterable: AsyncIterable<unknown>): Stream => {
  const strings = async function* (): AsyncGenerator<unknown> {
    for await (const chunk of iterable) yield typeof chunk === "string" ? native.utf8Encode(chunk) : chunk
  }
  return ReadableStream.from(strings())
}

/** All chunks of a stream in order; locks it. Rejects with a TypeError when a chunk is no Uint8Array. */
export const readAllBytes = (stream: Stream): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const reader: ReadableStreamDefaultReader<unknown> = acquireReader(stream)
    const pieces: Array<Uint8Array> = []
    let size = 0
    // chunks that are there already come at once: a loop instead of a recursion
    let reading = false
    let again = false
    const read = (): void => {
      again = true
      if (reading) return
      reading = true
      while (again) {
        again = false
        readInto(reader, request)
      }
      reading = false
    }
    const request = {
      [chunkSteps](chunk: unknown): void {
        if (!isBytes(chunk)) {
          const error = new TypeError("a stream that is read as a body gave a chunk that is no Uint8Array")
          reject(error)
          cancelStream(stream, error).then(silent, silent)
          return
        }
        pieces.push(chunk)
        size += chunk.length
        read()
      },
      [closeSteps](): void {
        resolve(pieces.length === 1 ? (pieces[0] as Uint8Array) : joinBytes(pieces, size))
      },
      [errorSteps](error: unknown): void {
        reject(error as Error)
      }
    }
    read()
  })

const tagOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag
)?.get as () => string | undefined
const isBytes = (value: unknown): value is Uint8Array => Reflect.apply(tagOf, value, []) === "Uint8Array"

/** "Tee" of a body: chunks of the second branch are copies. */
export const teeForClone = (stream: Stream): readonly [Stream, Stream] => {
  const [mine, other] = Reflect.apply(tee, stream, []) as [Stream, Stream]
  return [mine, copied(other)]
}
const { tee } = ReadableStream.prototype

const copied = (stream: Stream): Stream => mapped(stream, copyOf)

const copyOf = (chunk: unknown): unknown => {
  if (isArrayBuffer(chunk)) return chunk.slice(0)
  const bytes = ArrayBuffer.isView(chunk) ? bytesOfSource(chunk) : null
  if (bytes === null) return chunk
  const view = chunk as Uint8Array
  const { buffer } = bytes.slice()
  if (view instanceof DataView) return new DataView(buffer)
  return new (view.constructor as typeof Uint8Array)(buffer)
}

/** Another stream of the same chunks, for which the first is locked and read. */
export const proxyOf = (stream: Stream): Stream => mapped(stream, (chunk) => chunk)

const mapped = (stream: Stream, change: (chunk: unknown) => unknown): Stream => {
  const reader = acquireReader(stream)
  return new ReadableStream<unknown>(
    {
      pull(controller) {
        return new Promise<void>((resolve) => {
          readInto(reader, {
            [chunkSteps](chunk: unknown): void {
              try {
                controller.enqueue(change(chunk))
              } catch (error) {
                controller.error(error)
              }
              resolve()
            },
            [closeSteps](): void {
              try {
                controller.close()
              } catch {
                // it was cancelled meanwhile
              }
              resolve()
            },
            [errorSteps](error: unknown): void {
              controller.error(error)
              resolve()
            }
          })
        })
      },
      cancel: (reason) => cancelStream(stream, reason)
    },
    { highWaterMark: 0 }
  )
}
