import { Effect } from "effect"
import type { FunctionView } from "../client/index.ts"
import { command, toggle } from "./CommandLine.ts"
import { connect, connectionFlags } from "./connection.ts"
import { note, print, printJson, showInstant, table, withProgress } from "./Output.ts"

export const list = command({
  name: "list",
  summary: "show all functions",
  parameters: { json: toggle("json", "Print JSON, as the management API answers it."), ...connectionFlags },
  examples: ["bunbase fn list", "bunbase fn list --json | jq -r '.functions[].name'"],
  run: ({ json, ...choice }) =>
    Effect.gen(function* () {
      const { call } = yield* connect(choice)
      const functions = yield* withProgress(
        "asking the server",
        call((client, signal) => client.list({ signal }))
      )
      if (json) return yield* printJson({ functions })
      if (functions.length === 0) return yield* note("no functions yet; make one with: bunbase fn init hello")
      yield* print(
        table(["NAME", "RUNTIME", "STATE", "VERSION", "WORKERS", "QUEUED", "UPDATED"], functions.map(row))
      )
    }).pipe(Effect.scoped)
})

const row = (view: FunctionView): ReadonlyArray<string> => [
  view.name,
  view.runtime,
  view.state,
  view.active_version ?? "-",
  String(Object.values(view.workers).reduce((sum, count) => sum + count, 0)),
  String(view.queued),
  showInstant(view.updated_at)
]
