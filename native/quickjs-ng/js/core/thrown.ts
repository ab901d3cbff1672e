import type * as ConsoleSegment from "../segments/console.ts"
import { endsWith, includes, indexOf, isOneOf, match, slice, startsWith } from "../webidl/primordials.ts"
import { isFrame, ownFrames } from "./frames.ts"
import { asString, isArray, isInteger, keys, NativeError, stringify } from "./intrinsics.ts"
import type { ErrorFields } from "./lines.ts"
import { native } from "./native.ts"

/**
 * What can be said about a thrown value, whatever it is: null, a string, an error whose getters throw. Nothing here
 * throws. The texts are those of the Bun worker.
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
const show = (value: unknown): string => {
  if (!isObject(value)) {
    if (typeof value === "string") return stringify(value)
    return typeof value === "bigint" ? `${value}n` : asString(value)
  }
  try {
    const { inspect } = native.segment("console") as unknown as typeof ConsoleSegment
    return ownFrames(inspect(value, { depth: 2 }))
  } catch (failed) {
    if (isOutOfMemory(failed)) throw failed
    return `[${typeof value} that cannot be shown]`
  }
}

/** The class as the error's author knows it: the name that it was given, else that of its class. */
const classOf = (error: object): string => {
  const name = read(error, "name")
  if (typeof name === "string" && name !== "" && name !== "Error") return name
  const maker = read(error, "constructor")
  const made = isObject(maker) ? read(maker, "name") : undefined
  return typeof made === "string" && made !== "" && made !== "Object" ? made : "Error"
}

const messageOf = (error: object): string => {
  const message = read(error, "message")
  return typeof message === "string" ? message : ""
}

const headingOf = (error: object): string => {
  const message = messageOf(error)
  return message === "" ? classOf(error) : `${classOf(error)}: ${message}`
}

/** The frames of a stack, each after a newline. The engine's stacks are frames alone; an author's own may be anything. */
const framesOf = (stack: string, message: string): string => {
  const text = endsWith(stack, "\n") ? slice(stack, 0, -1) : stack
  if (text === "") return ""
  const firstEnd = indexOf(text, "\n")
  if (isFrame(firstEnd === -1 ? text : slice(text, 0, firstEnd))) return `\n${text}`
  const said = message === "" ? -1 : indexOf(text, message)
  if (said !== -1 && !includes(slice(text, 0, said), "\n")) return slice(text, said + message.length)
  return includes(text, "\n") ? `\n${text}` : ""
}

/** Errors that are shown with one: its causes, theirs, and those that it gathers. */
const MAX_ERRORS = 16

/** An error, its stack, its causes and the errors that it gathers. `known` are those that it was reached through. */
const errorText = (error: object, known: Array<object>, more = ""): string => {
  known[known.length] = error
  const stack = read(error, "stack")
  const frames = typeof stack === "string" ? framesOf(stack, messageOf(error)) : ""
  let text = ownFrames(headingOf(error) + frames) + more
  const cause = read(error, "cause")
  if (cause !== undefined) text += `\nCaused by: ${relatedText(cause, known)}`
  const errors = read(error, "errors")
  if (!isArray(errors)) return text
  for (let i = 0; i < errors.length; i += 1) {
    if (i >= MAX_ERRORS || known.length >= MAX_ERRORS)
      return `${text}\n… and ${errors.length - i} more errors`
    text += `\nError ${i + 1} of ${errors.length}: ${relatedText(errors[i], known)}`
  }
  return text
}

const relatedText = (value: unknown, known: Array<object>): string => {
  if (!isObject(value) || !isError(value)) return show(value)
  for (let i = 0; i < known.length; i += 1) if (known[i] === value) return `${headingOf(value)} (shown above)`
  return known.length >= MAX_ERRORS ? headingOf(value) : errorText(value, known)
}

/** Fields that errors have anyway, or that are shown otherwise. */
const usualFields = ["name", "message", "stack", "cause", "errors"]

/** What an error carries besides, e.g. a `code`, as the console shows an object; empty where there is nothing. */
const fieldsOf = (error: object): string => {
  const fields: Record<string, unknown> = {}
  let some = false
  const names = keys(error)
  for (let i = 0; i < names.length; i += 1) {
    const name = names[i] as string
    if (isOneOf(usualFields, name)) continue
    fields[name] = read(error, name)
    some = true
  }
  return some ? `\n${show(fields)}` : ""
}

/** An error as the console says it: with its fields, causes and frames. Null for what is none; never throws. */
export const showError = (value: unknown): string | null => {
  try {
    return value instanceof NativeError ? errorText(value, [], fieldsOf(value)) : null
  } catch {
    return null
  }
}

export interface Described extends ErrorFields {
  /** The message, with the error's class before it. */
  readonly title: string
}

const plainly = (message: string): Described => ({ message, title: message, stack: undefined })

/** Message and stack of a thrown value. Throws only where there is no memory left to tell. */
export const describeThrown = (thrown: unknown): Described => {
  try {
    if (thrown === "") return plainly("an empty string was thrown")
    if (!isObject(thrown)) return plainly(typeof thrown === "string" ? thrown : `${show(thrown)} was thrown`)
    if (!isError(thrown)) return plainly(`${show(thrown)} was thrown`)
    const title = headingOf(thrown)
    const text = errorText(thrown, [])
    return {
      message: messageOf(thrown) || classOf(thrown),
      title,
      stack: text === title ? undefined : text
    }
  } catch (failed) {
    if (isOutOfMemory(failed)) throw failed
    return plainly("something that cannot be described was thrown")
  }
}

/** With the error's class in the message, unless it is `Error`, which says nothing. */
export const withClass = ({ message, stack, title }: Described): ErrorFields => ({
  message: startsWith(title, "Error: ") ? message : title,
  stack
})

/** Whether it is what the engine throws when its memory limit refuses it something. */
export const isOutOfMemory = (thrown: unknown): boolean => {
  // where there was no room for the error either
  if (thrown === null) return native.memoryExhausted()
  if (!isObject(thrown) || native.className(thrown) !== "Error" || read(thrown, "name") !== "InternalError")
    return false
  const message = read(thrown, "message")
  if (typeof message !== "string") return false
  // "out of memory in regexp execution"; the last is what the engine says without room for the message
  return startsWith(message, "out of memory") || (message === NO_ROOM && native.memoryExhausted())
}
const NO_ROOM = "Invalid error message"

export interface Place {
  readonly line?: number | undefined
  readonly column?: number | undefined
}

const positive = (value: number): number | undefined => (isInteger(value) && value > 0 ? value : undefined)

const NOWHERE: Place = { line: undefined, column: undefined }
const PLACE = /:(\d+):(\d+)\)?$/m

/** Where in the bundle a failed import points: 1-based, from the first frame of its stack that has a place. */
export const placeInBundle = (thrown: unknown): Place => {
  if (!isObject(thrown)) return NOWHERE
  const stack = read(thrown, "stack")
  if (typeof stack !== "string") return NOWHERE
  const found = match(PLACE, ownFrames(stack))
  return found === null
    ? NOWHERE
    : { line: positive(+(found[1] as string)), column: positive(+(found[2] as string)) }
}
