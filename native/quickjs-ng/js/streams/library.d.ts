import type { ReadableStream as Stream, ReadableStreamDefaultReader as Reader } from "web-streams-polyfill"

/** What tools/streamsLibrary.ts lets out of the library beside its classes. */
declare module "web-streams-polyfill" {
  /** A read request: an object with the three methods that these keys name. */
  export const chunkSteps: unique symbol
  export const closeSteps: unique symbol
  export const errorSteps: unique symbol
  /** Key of the flag that a stream was read from or cancelled. */
  export const disturbed: unique symbol
  export function readInto(
    reader: Reader<unknown>,
    request: {
      readonly [chunkSteps]: (chunk: unknown) => void
      readonly [closeSteps]: () => void
      readonly [errorSteps]: (error: unknown) => void
    }
  ): void
  export function acquireReader<A>(stream: Stream<A>): Reader<A>
  export function cancelStream(stream: Stream<unknown>, reason?: unknown): Promise<void>
  export function isLocked(stream: Stream<unknown>): boolean
  export function isReadableStream(value: unknown): value is Stream<unknown>
  export const asyncIteratorPrototype: object
}
