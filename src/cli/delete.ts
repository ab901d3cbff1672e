import { Effect } from "effect"
import { argument, command, option, toggle } from "./CommandLine.ts"
import { connect, connectionFlags } from "./connection.ts"
import { print, printJson, withProgress } from "./Output.ts"

export const deletion = command({
  name: "delete",
  summary: "delete a function, or one of its versions",
  details: [
    "A function that is deleted takes no further call; those that it has are finished, then its workers end. Its name is " +
      "free. Its versions' bundles stay in the server's data folder, and there is no command that brings them back.",
    "With --version only that version goes, with its bundle. The version in force is refused: put another one in force " +
      "first, by `bunbase fn rollback` or `bunbase fn deploy`."
  ],
  parameters: {
    name: argument("NAME", "the function's name or id"),
    version: option("version", "LABEL", "Delete this version only."),
    json: toggle("json", "Print JSON, as the management API answers it."),
    ...connectionFlags
  },
  examples: ["bunbase fn delete hello", "bunbase fn delete hello --version v1"],
  run: ({ name, version, json, ...choice }) =>
    Effect.gen(function* () {
      const { call } = yield* connect(choice)
      const [deleted, line] =
        version === undefined
          ? yield* Effect.map(
              withProgress(
                `deleting ${name}`,
                call((client, signal) => client.deleteFunction(name, { signal }))
              ),
              (one) =>
                [one, `deleted ${one.name} (${one.function_id}); its bundles stay with the server`] as const
            )
          : yield* Effect.map(
              withProgress(
                `deleting ${version} of ${name}`,
                call((client, signal) => client.deleteVersion(name, version, { signal }))
              ),
              (one) => [one, `deleted ${one.version} of ${one.name}`] as const
            )
      yield* json ? printJson(deleted) : print(`${line}\n`)
    }).pipe(Effect.scoped)
})
