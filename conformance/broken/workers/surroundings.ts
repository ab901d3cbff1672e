import { format } from "node:util"
import type { Worker } from "./base.ts"

const LEVELS = { debug: "debug", log: "info", info: "info", warn: "warn", error: "error" } as const
export type Level = (typeof LEVELS)[keyof typeof LEVELS]

const shown = (values: ReadonlyArray<unknown>): string => {
  try {
    return format(...values)
  } catch {
    return "something that cannot be shown"
  }
}

/** Makes log lines of what the function says on the console, and of what it prints. */
export const captureOutput = (worker: Worker): void => {
  for (const [name, level] of Object.entries(LEVELS)) {
    Object.defineProperty(console, name, {
      value: (...values: ReadonlyArray<unknown>) => worker.log(level, shown(values)),
      writable: true
    })
  }
  if (!worker.settings.keepsPrints) return
  process.stdout.write = (text: unknown) => {
    worker.log("info", typeof text === "string" ? text : "bytes")
    return true
  }
}

/** Text has a type, as the standard says. */
export const typeTexts = (): void => {
  const Native = Response
  globalThis.Response = class extends Native {
    constructor(body?: Bun.BodyInit | null, init?: ResponseInit) {
      super(body, init)
      if (typeof body === "string" && !this.headers.has("content-type"))
        this.headers.set("content-type", "text/plain;charset=UTF-8")
    }
  } as typeof Response
}

const SHOWN = /^(PATH|HOME|TMPDIR|TZ|LANG|NODE_ENV|BUNBASE_(FUNCTION|VERSION|RUNTIME))$/
const isHidden = (name: string): boolean => name.startsWith("BUNBASE_") && !SHOWN.test(name)

/** Takes the worker's own variables away; with `own` all but the documented ones, and puts those there. */
export const setEnvironment = (own?: unknown): void => {
  const { env } = process
  for (const name of Object.keys(env)) {
    if (own === undefined ? isHidden(name) : !SHOWN.test(name)) delete env[name]
  }
  if (typeof own !== "object" || own === null) return
  for (const [name, value] of Object.entries(own)) if (!isHidden(name)) env[name] = String(value)
}
