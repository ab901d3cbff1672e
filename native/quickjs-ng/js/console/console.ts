import { native, ownFrames, speaker } from "bunbase:core"
import { format } from "./format.ts"
import { inspect, type InspectOptions } from "./inspect.ts"
import { table } from "./table.ts"

/** Labels that `count` and `time` remember; past it, new ones are not taken up. */
const MAX_LABELS = 1_000
const MAX_INDENT = 64

type Level = "debug" | "info" | "warn" | "error"

const label = (value: unknown): string => {
  try {
    return value === undefined ? "default" : String(value)
  } catch {
    return "default"
  }
}

const plain =
  (level: Level) =>
  (...args: Array<unknown>): void =>
    speaker().say(level, format(args))

const group = (...args: Array<unknown>): void => {
  const who = speaker()
  if (args.length > 0) who.say("info", format(args))
  if (who.indent.length < MAX_INDENT) who.indent += "  "
}

const counts = new Map<string, number>()

const elapsed = (name: string): string | undefined => {
  const start = speaker().timers?.get(name)
  return start === undefined ? undefined : `[${(native.now() - start).toFixed(2)}ms] ${name}`
}

const noTimer = (name: string): void => speaker().say("warn", `Timer '${name}' does not exist`)

/** Console standard. Each call is one log message of the invocation that makes it; no method throws. */
const methods = {
  log: plain("info"),
  info: plain("info"),
  debug: plain("debug"),
  warn: plain("warn"),
  error: plain("error"),
  dirxml: plain("info"),
  dir(value: unknown, options?: InspectOptions): void {
    speaker().say("info", typeof value === "string" ? value : inspect(value, options ?? {}))
  },
  table(value: unknown, columns?: Array<string>): void {
    if (typeof value !== "object" || value === null) return speaker().say("info", format([value]))
    let text: string
    try {
      text = table(value, Array.isArray(columns) ? columns.map(String) : undefined)
    } catch {
      text = inspect(value)
    }
    speaker().say("info", text)
  },
  trace(...args: Array<unknown>): void {
    const here = ownFrames(new Error().stack ?? "").trimEnd()
    const title = args.length === 0 ? "Trace" : `Trace: ${format(args)}`
    speaker().say("info", here === "" ? title : `${title}\n${here}`)
  },
  assert(condition?: unknown, ...args: Array<unknown>): void {
    if (condition) return
    speaker().say("error", args.length === 0 ? "Assertion failed" : `Assertion failed: ${format(args)}`)
  },
  count(name?: unknown): void {
    const key = label(name)
    const count = (counts.get(key) ?? 0) + 1
    if (count > 1 || counts.size < MAX_LABELS) counts.set(key, count)
    speaker().say("info", `${key}: ${count}`)
  },
  countReset(name?: unknown): void {
    const key = label(name)
    if (!counts.delete(key)) speaker().say("warn", `Count for '${key}' does not exist`)
  },
  time(name?: unknown): void {
    const key = label(name)
    const who = speaker()
    who.timers ??= new Map()
    if (who.timers.has(key)) return who.say("warn", `Timer '${key}' already exists`)
    if (who.timers.size < MAX_LABELS) who.timers.set(key, native.now())
  },
  timeLog(name?: unknown, ...args: Array<unknown>): void {
    const key = label(name)
    const text = elapsed(key)
    if (text === undefined) return noTimer(key)
    speaker().say("info", args.length === 0 ? text : `${text} ${format(args)}`)
  },
  timeEnd(name?: unknown): void {
    const key = label(name)
    const text = elapsed(key)
    if (text === undefined) return noTimer(key)
    speaker().timers?.delete(key)
    speaker().say("info", text)
  },
  group,
  groupCollapsed: group,
  groupEnd(): void {
    const who = speaker()
    who.indent = who.indent.slice(0, -2)
  },
  clear(): void {},
  timeStamp(): void {}
}

// WebIDL's namespace object: its prototype is an empty object of its own.
export const console = Object.assign(Object.create({}) as typeof methods, methods)
Object.defineProperty(console, Symbol.toStringTag, {
  value: "console",
  writable: false,
  enumerable: false,
  configurable: true
})
