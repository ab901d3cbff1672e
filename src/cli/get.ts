import { Effect } from "effect"
import type { FunctionView, QuarantineView } from "../client/index.ts"
import { argument, command, toggle } from "./CommandLine.ts"
import { connect, connectionFlags } from "./connection.ts"
import { print, printJson, showInstant, table, withProgress } from "./Output.ts"

export const get = command({
  name: "get",
  summary: "show one function: version, limits and workers",
  parameters: {
    name: argument("NAME", "the function's name or id"),
    json: toggle("json", "Print JSON, as the management API answers it."),
    ...connectionFlags
  },
  examples: ["bunbase fn get hello", "bunbase fn get hello --json | jq .workers"],
  run: ({ name, json, ...choice }) =>
    Effect.gen(function* () {
      const { call } = yield* connect(choice)
      const view = yield* withProgress(
        "asking the server",
        call((client, signal) => client.get(name, { signal }))
      )
      yield* json ? printJson(view) : print(table([view.name, view.function_id], rows(view)))
    }).pipe(Effect.scoped)
})

/** The profile, and of a custom one what it grants. */
const profileOf = ({ capabilities: { domains, eval: evaluates, profile } }: FunctionView): string => {
  if (profile !== "custom") return profile
  const granted = [
    ...(domains.length === 0 ? [] : [`fetch from ${domains.join(", ")}`]),
    ...(evaluates ? ["eval"] : [])
  ]
  return `custom (${granted.length === 0 ? "grants nothing" : granted.join("; ")})`
}

/** `12 well, 3 failed (2 wall_time, 1 memory), 4 cold starts (1 first, 3 scale_up)` */
const invocationsOf = ({ invocations: { cold_starts, failed, ok } }: FunctionView): string => {
  type Split = Readonly<Partial<Record<string, number | undefined>>>
  const sum = (counts: Split): number =>
    Object.values(counts).reduce<number>((total, count = 0) => total + count, 0)
  const split = (counts: Split): string => {
    const each = Object.entries(counts).map(([cause, count]) => `${count} ${cause}`)
    return each.length === 0 ? "" : ` (${each.join(", ")})`
  }
  if (ok + sum(failed) === 0) return "none since the server was started"
  return `${ok} well, ${sum(failed)} failed${split(failed)}, ${sum(cold_starts)} cold starts${split(cold_starts)}`
}

const quarantined = ({ reason, since }: QuarantineView): string => `since ${showInstant(since)}: ${reason}`

const rows = (view: FunctionView): ReadonlyArray<ReadonlyArray<string>> => {
  const workers = Object.entries(view.workers).filter(([, count]) => count > 0)
  return [
    ["state", view.state],
    ["version", view.active_version ?? "none deployed"],
    ["runtime", view.runtime],
    ["handler", `default export, else ${view.handler}`],
    ["profile", profileOf(view)],
    [
      "workers",
      workers.length === 0 ? "none" : workers.map(([state, count]) => `${count} ${state}`).join(", ")
    ],
    ...(view.quarantine === null ? [] : [["quarantine", quarantined(view.quarantine)] as const]),
    ["queued", String(view.queued)],
    ["invocations", invocationsOf(view)],
    ["memory_mb", String(view.memory_mb)],
    ["timeout_seconds", String(view.timeout_seconds)],
    ["max_concurrent_executions", String(view.max_concurrent_executions)],
    ["warm_workers", String(view.warm_workers)],
    ["max_workers", String(view.max_workers)],
    ["concurrency", String(view.concurrency)],
    ["idle_timeout_seconds", String(view.idle_timeout_seconds)],
    ["max_worker_invocations", String(view.max_worker_invocations)],
    ["max_worker_age_seconds", String(view.max_worker_age_seconds)],
    ["isolation", view.isolation],
    ["snapshot", String(view.snapshot)],
    ["expose_errors", String(view.expose_errors)],
    ["env", view.env.length === 0 ? "none" : view.env.join(", ")],
    ["created", showInstant(view.created_at)],
    ["updated", showInstant(view.updated_at)]
  ]
}
