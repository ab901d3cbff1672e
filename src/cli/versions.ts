import { Effect } from "effect"
import { argument, command, toggle } from "./CommandLine.ts"
import { connect, connectionFlags } from "./connection.ts"
import { note, print, printJson, showBytes, showInstant, table, withProgress } from "./Output.ts"

export const versions = command({
  name: "versions",
  summary: "show the versions of a function, and which one is active",
  parameters: {
    name: argument("NAME", "the function's name or id"),
    json: toggle("json", "Print JSON, as the management API answers it."),
    ...connectionFlags
  },
  examples: ["bunbase fn versions hello", "bunbase fn versions hello --json"],
  run: ({ name, json, ...choice }) =>
    Effect.gen(function* () {
      const { call } = yield* connect(choice)
      const found = yield* withProgress(
        "asking the server",
        call((client, signal) => client.versions(name, { signal }))
      )
      if (json) return yield* printJson({ versions: found })
      if (found.length === 0) {
        return yield* note(`"${name}" has no version yet; deploy one with: bunbase fn deploy ${name} FILE`)
      }
      yield* print(
        table(
          ["VERSION", "ACTIVE", "SIZE", "SHA-256", "CREATED"],
          found.map((version) => [
            version.version,
            version.active ? "yes" : "",
            showBytes(version.size_bytes),
            version.sha256.slice(0, 12),
            showInstant(version.created_at)
          ])
        )
      )
    }).pipe(Effect.scoped)
})
