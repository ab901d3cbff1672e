import { isOneOf, startsWith } from "../webidl/primordials.ts"
import { defineProperty, keys } from "./intrinsics.ts"
import { native } from "./native.ts"

/** What stays of the process's own environment when the function's replaces it; the documented set. */
const KEPT: ReadonlyArray<string> = [
  "PATH",
  "HOME",
  "TMPDIR",
  "TZ",
  "LANG",
  "NODE_ENV",
  "BUNBASE_FUNCTION",
  "BUNBASE_VERSION",
  "BUNBASE_RUNTIME"
]

/** Settings of the other runtime, which no function ever sees. */
const RUNTIME: ReadonlyArray<string> = ["BUN_RUNTIME_TRANSPILER_CACHE_PATH", "BUN_FEATURE_FLAG_NO_ORPHANS"]

const isInternal = (name: string): boolean =>
  (startsWith(name, "BUNBASE_") && !isOneOf(KEPT, name)) || isOneOf(RUNTIME, name)

type Environment = Record<string, string>

/** The function's variables: a copy, which is nobody's but its own. */
const env: Environment = {}

const set = (name: string, value: string): void => {
  defineProperty(env, name, { value, writable: true, enumerable: true, configurable: true })
}

/** Takes over the process's environment, without the service's own variables. */
export const inheritEnvironment = (): void => {
  const given = native.environment()
  for (const name of keys(given)) if (!isInternal(name)) set(name, given[name] as string)
}

/** Makes `own` the environment. Only the documented set of what the process has stays. */
export const replaceEnvironment = (own: unknown): void => {
  const given = native.environment()
  for (const name of keys(env)) delete env[name]
  for (const name of KEPT) if (typeof given[name] === "string") set(name, given[name])
  if (typeof own !== "object" || own === null) return
  for (const name of keys(own)) {
    const value = (own as Record<string, unknown>)[name]
    if (typeof value === "string" && !isInternal(name)) set(name, value)
  }
}

/** All that there is of Node's `process`: `process.env`. */
export const installProcess = (): void => {
  defineProperty(globalThis, "process", {
    value: defineProperty({}, "env", { value: env, writable: true, enumerable: true, configurable: true }),
    writable: true,
    enumerable: false,
    configurable: true
  })
}
