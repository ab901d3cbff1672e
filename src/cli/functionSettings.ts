import { Effect, ParseResult, Schema } from "effect"
import type { FunctionView, RegisterInput } from "../client/index.ts"
import { profileCapabilities } from "../domain/Capabilities.ts"
import { RegisterFunction } from "../domain/FunctionSpec.ts"
import { defaultProfile } from "../domain/runtimeRules.ts"
import { serverOptions } from "../config/OptionTable.ts"
import type { ServerOptions } from "../config/ServerConfig.ts"
import { defaultText } from "../config/defaultText.ts"
import { missingRuntimes, RUNTIMES } from "./buildFunction.ts"
import { CliFailure, ExitCode, usage } from "./CliFailure.ts"
import { option, repeatedOption, toggle } from "./CommandLine.ts"

/** Of a limit that the function leaves to its server. */
const serverDefault = (key: keyof ServerOptions): string => {
  const row = serverOptions.find((option) => option.key === key)
  return row === undefined
    ? "the server's"
    : `the server's --${row.flag}, ${String(defaultText(row))} unless set`
}

/** What `deploy` may say about the function itself, when it registers it. */
export const settingsFlags = {
  runtime: option("runtime", "NAME", "What it runs on.", {
    choices: RUNTIMES,
    refused: missingRuntimes,
    fallback: "bun"
  }),
  profile: option("profile", "NAME", "What it may do beyond computing. On bun only permissive so far.", {
    choices: Object.keys(profileCapabilities),
    fallback: Object.entries(defaultProfile)
      .map(([runtime, profile]) => `${profile} on ${runtime}`)
      .join(", ")
  }),
  handler: option("handler", "EXPORT", "The export that handles requests, where there is no default one.", {
    fallback: "handler"
  }),
  env: repeatedOption("env", "NAME=VALUE", "An environment variable of the function.", "e"),
  memoryMb: option("memory-mb", "MIB", "Memory of one worker; beyond it the worker is ended (FN_003).", {
    fallback: serverDefault("memoryMb")
  }),
  timeoutSeconds: option(
    "timeout-seconds",
    "SECONDS",
    "Time that one invocation may take, waiting included.",
    { fallback: serverDefault("executionTimeout") }
  ),
  warmWorkers: option("warm-workers", "COUNT", "Workers kept ready even when nothing calls.", {
    fallback: serverDefault("warmWorkers")
  }),
  maxWorkers: option("max-workers", "COUNT", "Workers that may live at once.", {
    fallback: serverDefault("maxWorkers")
  }),
  concurrency: option("concurrency", "COUNT", "Invocations that one worker may have in flight.", {
    fallback: serverDefault("concurrency")
  }),
  maxConcurrentExecutions: option(
    "max-concurrent-executions",
    "COUNT",
    "Invocations that may run at once, over all its workers.",
    { fallback: serverDefault("maxConcurrentExecutions") }
  ),
  idleTimeoutSeconds: option(
    "idle-timeout-seconds",
    "SECONDS",
    "A worker beyond the warm ones ends after so long without work.",
    { fallback: serverDefault("idleTimeout") }
  ),
  maxWorkerInvocations: option(
    "max-worker-invocations",
    "COUNT",
    "Invocations in a worker's life, after which another one takes its place; 0: no bound.",
    { fallback: serverDefault("maxWorkerInvocations") }
  ),
  maxWorkerAgeSeconds: option(
    "max-worker-age-seconds",
    "SECONDS",
    "A worker that has been ready for so long is replaced; 0: never.",
    { fallback: serverDefault("maxWorkerAge") }
  ),
  isolation: option(
    "isolation",
    "NAME",
    "Who shares a worker: its calls, or nobody (each has a fresh one).",
    {
      choices: ["worker", "invocation"],
      fallback: "worker"
    }
  ),
  snapshot: toggle(
    "snapshot",
    "Fork workers from a process that has evaluated the bundle (quickjs-ng only)."
  ),
  exposeErrors: toggle("expose-errors", "Tell callers the message of an error that the handler threw.")
}

interface SettingsValues {
  readonly runtime: string | undefined
  readonly profile: string | undefined
  readonly handler: string | undefined
  readonly env: ReadonlyArray<string>
  readonly memoryMb: string | undefined
  readonly timeoutSeconds: string | undefined
  readonly warmWorkers: string | undefined
  readonly maxWorkers: string | undefined
  readonly concurrency: string | undefined
  readonly maxConcurrentExecutions: string | undefined
  readonly idleTimeoutSeconds: string | undefined
  readonly maxWorkerInvocations: string | undefined
  readonly maxWorkerAgeSeconds: string | undefined
  readonly isolation: string | undefined
  readonly snapshot: boolean
  readonly exposeErrors: boolean
}

/** The registration that the flags describe, checked by the service's own rules: every fault is told (exit code 2). */
export const readSettings = (name: string, flags: SettingsValues): Effect.Effect<RegisterInput, CliFailure> =>
  Effect.gen(function* () {
    const env: Record<string, string> = {}
    for (const pair of flags.env) {
      const equals = pair.indexOf("=")
      if (equals <= 0) {
        return yield* usage(`--env needs NAME=VALUE, not "${pair}"`, "for example: --env GREETING=hello")
      }
      env[pair.slice(0, equals)] = pair.slice(equals + 1)
    }
    const given = {
      name,
      ...defined({
        runtime: flags.runtime,
        handler: flags.handler,
        memory_mb: numeric(flags.memoryMb),
        timeout_seconds: numeric(flags.timeoutSeconds),
        warm_workers: numeric(flags.warmWorkers),
        max_workers: numeric(flags.maxWorkers),
        concurrency: numeric(flags.concurrency),
        max_concurrent_executions: numeric(flags.maxConcurrentExecutions),
        idle_timeout_seconds: numeric(flags.idleTimeoutSeconds),
        max_worker_invocations: numeric(flags.maxWorkerInvocations),
        max_worker_age_seconds: numeric(flags.maxWorkerAgeSeconds),
        isolation: flags.isolation,
        snapshot: flags.snapshot ? true : undefined,
        expose_errors: flags.exposeErrors ? true : undefined,
        capabilities: isProfile(flags.profile) ? profileCapabilities[flags.profile] : undefined,
        env: flags.env.length === 0 ? undefined : env
      })
    }
    yield* Schema.decodeUnknown(RegisterFunction, { errors: "all" })(given).pipe(
      Effect.mapError((error) => faults(error, given))
    )
    // Checked just now; what it leaves out stays out, so that the server's defaults hold.
    return given as RegisterInput
  })

const isProfile = (name: string | undefined): name is keyof typeof profileCapabilities =>
  name !== undefined && Object.hasOwn(profileCapabilities, name)

const numeric = (text: string | undefined): number | string | undefined =>
  text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text

const defined = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const faults = (error: ParseResult.ParseError, given: Readonly<Record<string, unknown>>): CliFailure => {
  const messages = new Map<string, string>()
  for (const { path, message } of ParseResult.ArrayFormatter.formatErrorSync(error)) {
    const [field = "", key] = path.map(String)
    const label =
      field === "name" ? "NAME" : `--${field.replaceAll("_", "-")}${key === undefined ? "" : ` ${key}`}`
    // A text where a number belongs is reported by its type alone; the rule's own words say more.
    const words = message.startsWith("Expected number") ? "use a number" : message
    const value = given[field]
    const quoted =
      typeof value === "string" || typeof value === "number" ? `, not ${JSON.stringify(value)}` : ""
    if (!message.startsWith("Expected undefined")) messages.set(label, words + quoted)
  }
  return new CliFailure({
    exitCode: ExitCode.usage,
    what: "the function cannot be registered like this",
    details: [...messages].map(([label, message]) => `${label}: ${message}`)
  })
}

/**
 * Settings that were given and differ from those of a function that exists. Of its environment only the names are known
 * here; whether their values differ, the server can tell.
 */
export const differences = (wanted: RegisterInput, view: FunctionView): ReadonlyArray<string> => {
  const { env, capabilities, name: _, ...plain } = wanted
  const found = Object.entries(plain).flatMap(([field, value]) => {
    const current = Object.entries(view).find(([key]) => key === field)?.[1]
    return current === value
      ? []
      : [`--${field.replaceAll("_", "-")}: it is ${String(current)}, not ${String(value)}`]
  })
  if (capabilities !== undefined && capabilities.profile !== view.capabilities.profile) {
    found.push(`--profile: it is ${view.capabilities.profile}, not ${capabilities.profile}`)
  }
  for (const name of Object.keys(env ?? {})) {
    if (!view.env.includes(name)) found.push(`--env ${name}: it has no such variable`)
  }
  return found
}
