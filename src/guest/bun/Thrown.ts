import type { ErrorFields } from "./Lines.ts"
import { inspect, isInteger, NativeError } from "./Intrinsics.ts"

/**
 * What can be said about a thrown value, whatever it is: null, a string, an error whose getters throw. Nothing here
 * throws.
 */

/** Reads a property; undefined where reading it throws. */
const read = (value: object, name: string): unknown => {
  try {
    return (value as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function"

const isError = (value: object): boolean => {
  try {
    return value instanceof NativeError || typeof read(value, "stack") === "string"
  } catch {
    return false
  }
}

/** How deep the console shows an object (Bun's own default). */
const DEPTH = 2
const shown = { colors: false, depth: DEPTH }

/** A value as Bun's console shows it; never throws. */
export const show = (value: unknown, options: Bun.BunInspectOptions = shown): string => {
  try {
    const text = ownFrames(inspect(value, options))
    return text.endsWith("\n") ? text.slice(0, -1) : text
  } catch {
    return `[${typeof value} that cannot be shown]`
  }
}

// Frames of the guest say nothing to a function's author, and their paths are the service's own.
const guestPath = import.meta.filename.endsWith(".ts") ? `${import.meta.dirname}/` : import.meta.filename
/** A stack without the guest's own frames. */
export const ownFrames = (stack: string): string => {
  if (!stack.includes(guestPath)) return stack
  let kept = ""
  let start = 0
  while (start < stack.length) {
    let end = stack.indexOf("\n", start)
    if (end === -1) end = stack.length
    const line = stack.slice(start, end)
    if (!line.includes(guestPath)) kept += kept === "" ? line : `\n${line}`
    start = end + 1
  }
  return kept
}

const MAX_CAUSES = 5

const stackOf = (error: object, depth: number): string | undefined => {
  const stack = read(error, "stack")
  if (typeof stack !== "string") return undefined
  const own = ownFrames(stack)
  const cause = read(error, "cause")
  if (cause === undefined || depth >= MAX_CAUSES) return own
  const caused = isObject(cause) && isError(cause) ? (stackOf(cause, depth + 1) ?? show(cause)) : show(cause)
  return `${own}\nCaused by: ${caused}`
}

/** Message and stack of a thrown value. */
export const describeThrown = (thrown: unknown): ErrorFields => {
  try {
    if (thrown === "") return { message: "an empty string was thrown" }
    if (!isObject(thrown))
      return { message: typeof thrown === "string" ? thrown : `${show(thrown)} was thrown` }
    if (!isError(thrown)) return { message: `${show(thrown)} was thrown` }
    const message = read(thrown, "message")
    const name = read(thrown, "name")
    return {
      message:
        typeof message === "string" && message !== ""
          ? message
          : typeof name === "string" && name !== ""
            ? name
            : "Error",
      stack: stackOf(thrown, 0)
    }
  } catch {
    return { message: "something that cannot be described was thrown" }
  }
}

export interface Place {
  readonly line?: number | undefined
  readonly column?: number | undefined
}

const positive = (value: unknown): number | undefined =>
  typeof value === "number" && isInteger(value) && value > 0 ? value : undefined

/**
 * Where in the bundle a failed import points: 1-based. A message of Bun's parser says so itself; an error that was thrown
 * has it in its first frame of the bundle, or, where a source map has already turned the frames into places of the
 * sources, in the fields that keep the place before that.
 */
export const placeInBundle = (thrown: unknown, bundlePath: string): Place => {
  if (!isObject(thrown)) return {}
  const position = read(thrown, "position")
  if (isObject(position)) {
    return { line: positive(read(position, "line")), column: positive(read(position, "column")) }
  }
  const stack = read(thrown, "stack")
  if (typeof stack === "string") {
    const at = stack.indexOf(`${bundlePath}:`)
    if (at !== -1) {
      const found = /^(\d+)(?::(\d+))?/.exec(
        stack.slice(at + bundlePath.length + 1, at + bundlePath.length + 32)
      )
      if (found !== null) return { line: positive(Number(found[1])), column: positive(Number(found[2])) }
    }
  }
  const line = positive(read(thrown, "originalLine"))
  return line === undefined ? {} : { line, column: positive(read(thrown, "originalColumn")) }
}
