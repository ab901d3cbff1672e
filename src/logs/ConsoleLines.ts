import type { LogLevel } from "../protocol/worker/Wire.ts"
import type { LogEntry } from "./LogPipeline.ts"

const names: Readonly<Record<LogLevel, string>> = {
  debug: "DEBUG",
  info: "INFO ",
  warn: "WARN ",
  error: "ERROR"
}
const colours: Readonly<Record<LogLevel, string>> = { debug: "90", info: "36", warn: "33", error: "31" }
const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

export const isAtLeast = (level: LogLevel, least: LogLevel): boolean => ranks[level] >= ranks[least]

const indent = "    "
/** Longer texts are cut: a terminal is no place for them, the log file has them whole. */
const MAX_CHARACTERS = 4096

// A function's output is not to be trusted with the terminal: no cursor moves, no titles, no hidden text.
// oxlint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

const safe = (text: string): string => {
  const whole = text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}… (cut)`
  return whole
    .replaceAll("\r\n", "\n")
    .replace(unsafe, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

const clock = (at: number): string => {
  const time = new Date(at)
  const pad = (value: number, width = 2) => String(value).padStart(width, "0")
  return `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}.${pad(time.getMilliseconds(), 3)}`
}

const speaker = ({ functionName, version }: LogEntry): string => {
  if (functionName === undefined) return "server"
  return version === undefined ? functionName : `${functionName}@${version}`
}

/** The end of an id: of a UUIDv7 the beginning is the time, and the same for all calls of a minute. */
const shortId = (id: string): string => id.slice(-8)

/**
 * An entry for people: time (local), level, function@version, the invocation's short id, message; further lines and the
 * stack are indented below. Ends with a newline.
 */
export const consoleLines = (entry: LogEntry, colour: boolean): string => {
  const paint = (text: string, code: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const head = [
    paint(clock(entry.at), "90"),
    paint(names[entry.level], colours[entry.level]),
    paint(safe(speaker(entry)), "1"),
    ...(entry.invocationId === undefined ? [] : [paint(safe(shortId(entry.invocationId)), "90")])
  ].join(" ")
  const message = safe(entry.message)
  const [first = "", ...more] = message.split("\n")
  const stack = entry.stack === undefined ? [] : frames(entry.stack, entry.message)
  const below = [...more, ...stack].filter((line) => line.trim() !== "").map((line) => `${indent}${line}\n`)
  return `${head} ${first}\n${below.join("")}`
}

/** The stack's lines. It begins with "Name: message", and what the message has said is not said again. */
const frames = (stack: string, message: string): ReadonlyArray<string> => {
  const at = message === "" ? -1 : stack.indexOf(message)
  const isHeading = at !== -1 && !stack.slice(0, at).includes("\n")
  const first = stack.search(/^\s*at /m)
  const heading = first === -1 ? stack : stack.slice(0, first)
  // "Uncaught exception: Name: message" ends with it.
  const isSaid = heading.trim() !== "" && message.endsWith(heading.trimEnd())
  const rest = isHeading ? stack.slice(at + message.length) : isSaid ? stack.slice(heading.length) : stack
  return safe(rest)
    .split("\n")
    .map((line) => line.trim())
}
