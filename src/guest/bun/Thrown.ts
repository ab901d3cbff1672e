import { isFrame, ownFrames } from "./Frames.ts"
import { apply, cut, indexIn, inspect, isArray, isInteger, NativeError, regExpExec } from "./Intrinsics.ts"
import type { ErrorFields } from "./Lines.ts"

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

/**
 * A value as Bun's console shows it, but an error as `describeThrown` does, with its fields: without the lines of code around
 * the place. Never throws.
 */
export const show = (value: unknown, options?: Bun.BunInspectOptions): string => {
  try {
    if (options === undefined && value instanceof NativeError) return errorText(value, [], fieldsOf(value))
    const text = ownFrames(inspect(value, options ?? shown))
    return text.endsWith("\n") ? text.slice(0, -1) : text
  } catch {
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

/** What stands over the frames: `TypeError: x is not a function`. The engine's own says `Error` for every derived class. */
const headingOf = (error: object): string => {
  const message = messageOf(error)
  return message === "" ? classOf(error) : `${classOf(error)}: ${message}`
}

/** The frames of a stack, each after a newline; the whole where it is none that the engine made. */
const framesOf = (stack: string, message: string): string => {
  const said = message === "" ? -1 : indexIn(stack, message)
  if (said !== -1 && indexIn(cut(stack, 0, said), "\n") === -1) return cut(stack, said + message.length)
  // The message is empty, or another one by now.
  let at = 0
  for (let start = 0; start !== -1; start = at === -1 ? -1 : at + 1) {
    at = indexIn(stack, "\n", start)
    if (isFrame(cut(stack, start, at === -1 ? undefined : at))) return `\n${cut(stack, start)}`
  }
  return stack.includes("\n") ? `\n${stack}` : ""
}

/** Errors that are shown with one: its causes, theirs, and those that it gathers. */
const MAX_ERRORS = 16

/** An error, its stack, its causes and the errors that it gathers. `known` are those that it was reached through. */
const errorText = (error: object, known: Array<object>, more: string): string => {
  known.push(error)
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
  return known.length >= MAX_ERRORS ? headingOf(value) : errorText(value, known, "")
}

/** Fields that errors have anyway, or that are shown otherwise. */
const usualFields = ["name", "message", "stack", "cause", "errors"]
const engineFields = ["line", "column", "originalLine", "originalColumn", "sourceURL"]

/** What an error carries besides, e.g. a `code`, as the console shows an object; empty where there is nothing. */
const fieldsOf = (error: object): string => {
  const fields: Record<string, unknown> = {}
  let some = false
  const names = Object.keys(error)
  for (let i = 0; i < names.length; i += 1) {
    const name = names[i] as string
    if (usualFields.includes(name) || engineFields.includes(name)) continue
    fields[name] = read(error, name)
    some = true
  }
  return some ? `\n${ownFrames(inspect(fields, shown))}` : ""
}

export interface Described extends ErrorFields {
  /** The message, with the error's class before it. */
  readonly title: string
}

const plainly = (message: string): Described => ({ message, title: message })

/** Message and stack of a thrown value. */
export const describeThrown = (thrown: unknown): Described => {
  try {
    if (thrown === "") return plainly("an empty string was thrown")
    if (!isObject(thrown)) return plainly(typeof thrown === "string" ? thrown : `${show(thrown)} was thrown`)
    if (!isError(thrown)) return plainly(`${show(thrown)} was thrown`)
    const title = headingOf(thrown)
    const text = errorText(thrown, [], "")
    return {
      message: messageOf(thrown) || classOf(thrown),
      title,
      stack: text === title ? undefined : text
    }
  } catch {
    return plainly("something that cannot be described was thrown")
  }
}

/** With the error's class in the message, unless it is `Error` or one of Bun's parser, which say nothing. */
export const withClass = ({ message, stack, title }: Described): ErrorFields => ({
  message:
    title.startsWith("Error: ") || title.startsWith("BuildMessage: ") || title.startsWith("ResolveMessage: ")
      ? message
      : title,
  stack
})

const PLACE = /^(\d+)(?::(\d+))?/

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
      const place = stack.slice(at + bundlePath.length + 1, at + bundlePath.length + 32)
      const found = apply(regExpExec, PLACE, [place]) as RegExpExecArray | null
      if (found !== null) return { line: positive(Number(found[1])), column: positive(Number(found[2])) }
    }
  }
  const line = positive(read(thrown, "originalLine"))
  return line === undefined ? {} : { line, column: positive(read(thrown, "originalColumn")) }
}
