import type * as ConsoleSegment from "../segments/console.ts"
import { asString, isInteger, NativeError } from "./intrinsics.ts"
import type { ErrorFields } from "./lines.ts"
import { native } from "./native.ts"

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

/** A value as the console shows it; never throws. */
export const show = (value: unknown): string => {
  if (!isObject(value)) {
    if (typeof value === "string") return JSON.stringify(value)
    return typeof value === "bigint" ? `${value}n` : asString(value)
  }
  try {
    const { inspect } = native.segment("console") as unknown as typeof ConsoleSegment
    return inspect(value, { depth: 2 })
  } catch {
    return `[${typeof value} that cannot be shown]`
  }
}

/** Frames of the library say nothing to a function's author. */
const LIBRARY = "(bunbase:"

/** A stack without the library's frames, and without the newline at its end. */
export const ownFrames = (stack: string): string => {
  let kept = ""
  let start = 0
  while (start < stack.length) {
    let end = stack.indexOf("\n", start)
    if (end === -1) end = stack.length
    const line = stack.slice(start, end)
    if (line !== "" && !line.includes(LIBRARY)) kept += kept === "" ? line : `\n${line}`
    start = end + 1
  }
  return kept
}

const MAX_CAUSES = 5

/** The engine's stacks have no first line with the error's name and message, which everybody expects there. */
const headed = (error: object, frames: string): string => {
  const name = read(error, "name")
  const message = read(error, "message")
  const title =
    (typeof name === "string" && name !== "" ? name : "Error") +
    (typeof message === "string" && message !== "" ? `: ${message}` : "")
  if (frames === "") return title
  return frames.startsWith("    at ") ? `${title}\n${frames}` : frames
}

const stackOf = (error: object, depth: number): string | undefined => {
  const stack = read(error, "stack")
  if (typeof stack !== "string") return undefined
  const own = headed(error, ownFrames(stack))
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

/** Whether it is what the engine throws when its memory limit refuses it something. */
export const isOutOfMemory = (thrown: unknown): boolean => {
  if (!native.memoryExhausted()) return false
  // where there was no room for the error either
  if (thrown === null) return true
  return (
    isObject(thrown) && native.className(thrown) === "Error" && read(thrown, "message") === "out of memory"
  )
}

export interface Place {
  readonly line?: number | undefined
  readonly column?: number | undefined
}

const positive = (value: number): number | undefined => (isInteger(value) && value > 0 ? value : undefined)

/** Where in the bundle a failed import points: 1-based, from the first frame of its stack that lies there. */
export const placeInBundle = (thrown: unknown): Place => {
  if (!isObject(thrown)) return {}
  const stack = read(thrown, "stack")
  if (typeof stack !== "string") return {}
  for (const line of ownFrames(stack).split("\n")) {
    const found = /:(\d+):(\d+)\)?$/.exec(line)
    if (found !== null) return { line: positive(Number(found[1])), column: positive(Number(found[2])) }
  }
  return {}
}
