import { ownKeys } from "./Intrinsics.ts"

/** What stays of the process's own environment when the function's replaces it; the documented set. */
const KEPT: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "TMPDIR",
  "TZ",
  "LANG",
  "NODE_ENV",
  "BUNBASE_FUNCTION",
  "BUNBASE_VERSION",
  "BUNBASE_RUNTIME"
])

/** Settings of the worker's own runtime: the host's, and what Bun makes of the flag `--no-orphans`. */
const RUNTIME: ReadonlySet<string> = new Set([
  "BUN_RUNTIME_TRANSPILER_CACHE_PATH",
  "BUN_FEATURE_FLAG_NO_ORPHANS"
])

const isInternal = (name: string): boolean =>
  (name.startsWith("BUNBASE_") && !KEPT.has(name)) || RUNTIME.has(name)

type Environment = Record<string, string | undefined>

/** Takes the service's own variables out of the environment, before the function can see it. */
export const hideInternals = (env: Environment): void => {
  for (const name of ownKeys(env)) if (typeof name === "string" && isInternal(name)) delete env[name]
}

/** Makes `own` the environment. Only the documented set of what was there stays. */
export const replaceEnvironment = (env: Environment, own: unknown): void => {
  for (const name of ownKeys(env)) if (typeof name === "string" && !KEPT.has(name)) delete env[name]
  if (typeof own !== "object" || own === null) return
  for (const name of Object.keys(own)) {
    const value = (own as Record<string, unknown>)[name]
    if (typeof value === "string" && !isInternal(name)) env[name] = value
  }
}
