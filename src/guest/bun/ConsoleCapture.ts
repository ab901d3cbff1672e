import type { LogLevel } from "../../protocol/worker/Wire.ts"
import { ownFrames } from "./Frames.ts"
import { formatLog } from "./formatLog.ts"
import { hardenedMap, inspect, NativeError } from "./Intrinsics.ts"
import type { Speaker } from "./Speaker.ts"
import { textOfChunk } from "./OutputStream.ts"
import { show } from "./Thrown.ts"

/** Labels that `count` and `time` remember; past it, new ones are not taken up. */
const MAX_LABELS = 1_000
const MAX_INDENT = 64

const label = (value: unknown): string => {
  try {
    return value === undefined ? "default" : String(value)
  } catch {
    return "default"
  }
}

/**
 * Replaces the methods of the global console: each call becomes one log message of whoever makes it. It is the same object
 * that `node:console` and `Bun.Console` hand out, so no way round it stays open. Methods never throw.
 */
export const captureConsole = (console: Console, speaker: () => Speaker): void => {
  const counts = hardenedMap<string, number>()

  const plain =
    (level: LogLevel) =>
    (...args: Array<unknown>): void => {
      speaker().say(level, formatLog(args))
    }

  const group = (...args: Array<unknown>): void => {
    const who = speaker()
    if (args.length > 0) who.say("info", formatLog(args))
    if (who.indent.length < MAX_INDENT) who.indent += "  "
  }

  const elapsed = (name: string): string | undefined => {
    const start = speaker().timers?.get(name)
    return start === undefined ? undefined : `[${(performance.now() - start).toFixed(2)}ms] ${name}`
  }
  const noTimer = (name: string): void => speaker().say("warn", `Timer '${name}' does not exist`)

  const methods = {
    log: plain("info"),
    info: plain("info"),
    debug: plain("debug"),
    warn: plain("warn"),
    error: plain("error"),
    dirxml: plain("info"),
    dir(value: unknown, options?: Bun.BunInspectOptions): void {
      const text = typeof value === "string" ? value : show(value, { depth: 2, ...options, colors: false })
      speaker().say("info", text)
    },
    table(value: unknown, columns?: Array<string>): void {
      if (typeof value !== "object" || value === null) return speaker().say("info", formatLog([value]))
      let text: string
      try {
        text = Array.isArray(columns)
          ? inspect.table(value, columns, { colors: false })
          : inspect.table(value, { colors: false })
      } catch {
        text = show(value)
      }
      speaker().say("info", text.endsWith("\n") ? text.slice(0, -1) : text)
    },
    trace(...args: Array<unknown>): void {
      const here: { stack?: string } = {}
      NativeError.captureStackTrace(here, methods.trace)
      const frames = typeof here.stack === "string" ? here.stack.slice(here.stack.indexOf("\n") + 1) : ""
      const title = args.length === 0 ? "Trace" : `Trace: ${formatLog(args)}`
      speaker().say("info", frames === "" ? title : `${title}\n${ownFrames(frames)}`)
    },
    assert(condition: unknown, ...args: Array<unknown>): void {
      if (condition) return
      const text = args.length === 0 ? "Assertion failed" : `Assertion failed: ${formatLog(args)}`
      speaker().say("error", text)
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
      who.timers ??= hardenedMap()
      if (who.timers.has(key)) return who.say("warn", `Timer '${key}' already exists`)
      if (who.timers.size < MAX_LABELS) who.timers.set(key, performance.now())
    },
    timeLog(name?: unknown, ...args: Array<unknown>): void {
      const key = label(name)
      const text = elapsed(key)
      if (text === undefined) return noTimer(key)
      speaker().say("info", args.length === 0 ? text : `${text} ${formatLog(args)}`)
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
    write(...args: Array<unknown>): number {
      let written = 0
      for (let i = 0; i < args.length; i += 1) {
        const arg = args[i]
        const text = typeof arg === "string" ? arg : textOfChunk(arg)
        speaker().print("info", text)
        written += Buffer.byteLength(text)
      }
      return written
    },
    clear(): void {},
    timeStamp(): void {}
  }
  Object.assign(console, methods)
}
