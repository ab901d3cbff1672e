import { Effect } from "effect"
import { command, toggle } from "./CommandLine.ts"
import { print } from "./Output.ts"
import { configFaults, resolveServerConfig, serverFlags } from "./serverFlags.ts"

export const config = command({
  name: "config",
  summary: "show the server's options as they would be in force, and where each comes from",
  details: [
    "Takes the same flags, environment and file as `bunbase serve`, and starts nothing. Flags are stronger than FUNCTIONS_* " +
      "variables, these than the file, the file than the defaults. Secrets are never shown."
  ],
  parameters: {
    ...serverFlags,
    json: toggle("json", "Print JSON: value, source and origin of each option.")
  },
  examples: [
    "bunbase config",
    "bunbase config --config server.json --json",
    "FUNCTIONS_HTTP_PORT=9000 bunbase config"
  ],
  alsoWrong: (given) => {
    const { json: _, ...flags } = given
    return configFaults(flags)
  },
  run: ({ json, ...flags }) =>
    Effect.gen(function* () {
      const resolved = yield* resolveServerConfig(flags)
      const { renderConfig } = yield* Effect.promise(() => import("../config/renderConfig.ts"))
      yield* print(`${renderConfig(resolved, json ? "json" : "table")}\n`)
    })
})
