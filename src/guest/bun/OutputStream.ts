import type { Writable } from "node:stream"
import { builtin, lossyTextOf, soon } from "./Intrinsics.ts"
import type { Speaker } from "./Speaker.ts"

/** What was passed to a `write` as text: strings as they are, bytes in their encoding. */
export const textOfChunk = (chunk: unknown, encoding?: unknown): string => {
  if (typeof chunk === "string") {
    return typeof encoding === "string" &&
      encoding !== "utf8" &&
      encoding !== "utf-8" &&
      Buffer.isEncoding(encoding)
      ? Buffer.from(chunk, encoding).toString()
      : chunk
  }
  if (ArrayBuffer.isView(chunk) || chunk instanceof ArrayBuffer) return lossyTextOf(chunk)
  return ""
}

/**
 * Stands in for `process.stdout` or `process.stderr`: what is written becomes log lines of whoever writes. The real
 * streams take five milliseconds to come into being, so this makes a Writable only when something other than `write` is
 * asked of it, and leaves the process's descriptors alone.
 */
export const outputStream = <Fd extends 1 | 2>(
  fd: Fd,
  level: "info" | "error",
  speaker: () => Speaker
): NodeJS.WriteStream & { fd: Fd } => {
  const write = (chunk: unknown, encoding?: unknown, callback?: unknown): boolean => {
    if (typeof chunk !== "string" && !ArrayBuffer.isView(chunk)) {
      throw new TypeError(
        'The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView'
      )
    }
    speaker().print(level, textOfChunk(chunk, encoding))
    const done = typeof encoding === "function" ? encoding : callback
    if (typeof done === "function") soon(done as () => void)
    return true
  }
  let made: Writable | null = null
  const real = (): Writable => {
    if (made !== null) return made
    const { Writable } = builtin("node:stream")
    const stream = new Writable({
      decodeStrings: false,
      write: (chunk, encoding, callback) => {
        write(chunk, encoding)
        callback()
      },
      autoDestroy: false
    })
    // a process's own output has no end: who ends it gets its `finish`, and the next one a fresh stream
    stream.once("finish", () => setImmediate(() => (made = null)))
    made = Object.assign(stream, { write, fd, isTTY: false, _isStdio: true })
    return made
  }
  return new Proxy({} as NodeJS.WriteStream & { fd: Fd }, {
    get: (_target, key) => (key === "write" && made === null ? write : Reflect.get(real(), key)),
    set: (_target, key, value) => Reflect.set(real(), key, value),
    has: (_target, key) => Reflect.has(real(), key),
    deleteProperty: (_target, key) => Reflect.deleteProperty(real(), key),
    defineProperty: (_target, key, descriptor) =>
      Reflect.defineProperty(real(), key, { ...descriptor, configurable: true }),
    ownKeys: () => Reflect.ownKeys(real()),
    getOwnPropertyDescriptor: (_target, key) => {
      const descriptor = Reflect.getOwnPropertyDescriptor(real(), key)
      return descriptor === undefined ? undefined : { ...descriptor, configurable: true }
    },
    getPrototypeOf: () => Reflect.getPrototypeOf(real())
  })
}
