import { Effect } from "effect"
import { argument, command, toggle } from "./CommandLine.ts"
import { connect, connectionFlags } from "./connection.ts"
import { print, printJson } from "./Output.ts"

export const reset = command({
  name: "reset",
  summary: "try a function again whose workers crashed or did not start",
  details: [
    "Workers that crash, or do not start, are tried again later and later, and then quarantined; `bunbase fn get NAME` " +
      "says why. Once the cause is gone this forgets what failed, and a worker is started with the next call. A deployment " +
      "does so too."
  ],
  parameters: {
    name: argument("NAME", "the function's name or id"),
    json: toggle("json", "Print the result as JSON."),
    ...connectionFlags
  },
  examples: ["bunbase fn reset hello"],
  run: ({ name, json, ...choice }) =>
    Effect.gen(function* () {
      const connection = yield* connect(choice)
      const done = yield* connection.call((client, signal) => client.reset(name, { signal }))
      const said = done.was_quarantined
        ? "is out of quarantine"
        : "was not quarantined; its failures are forgotten"
      yield* json ? printJson(done) : print(`${done.name} ${said}\n`)
    }).pipe(Effect.scoped)
})
