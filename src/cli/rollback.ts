import { Effect } from "effect"
import type { CliFailure } from "./CliFailure.ts"
import { argument, command, option, toggle } from "./CommandLine.ts"
import { connect, connectionFlags } from "./connection.ts"
import { mayStillComplete } from "./deploy.ts"
import { print, printJson, showMillis, withProgress } from "./Output.ts"

export const rollback = command({
  name: "rollback",
  summary: "put an earlier version of a function in force again",
  details: [
    "As with a deployment the version is loaded in a worker before anything changes: one that does not start leaves the " +
      "present version in force, and no call is lost. Without --to it is the version that was in force before the present " +
      "one; to do that twice leads back to where one was. To go further back, name the version."
  ],
  parameters: {
    name: argument("NAME", "the function's name or id"),
    to: option("to", "VERSION", "The version to go back to.", {
      fallback: "the one that was in force before"
    }),
    json: toggle("json", "Print the result as JSON."),
    ...connectionFlags
  },
  examples: ["bunbase fn rollback hello", "bunbase fn rollback hello --to v3"],
  run: ({ name, to, json, ...choice }) =>
    Effect.gen(function* () {
      const began = performance.now()
      const connection = yield* connect(choice)
      const done = yield* withProgress(
        `rolling ${name} back`,
        connection.call((client, signal) =>
          client.rollback(name, to === undefined ? {} : { version: to }, { signal })
        )
      ).pipe(
        Effect.onInterrupt(() => mayStillComplete(name, connection)),
        Effect.mapError(namingItsFlag)
      )
      const millis = performance.now() - began
      const isUnchanged = done.replaced === done.version
      yield* json
        ? printJson({
            outcome: isUnchanged ? "unchanged" : "rolled_back",
            ...done,
            duration_ms: Math.round(millis)
          })
        : print(
            isUnchanged
              ? `nothing changed: ${done.name} ${done.version} is in force\n`
              : `rolled ${done.name} back to ${done.version} (was ${done.replaced}) in ${showMillis(millis)}\n`
          )
    }).pipe(Effect.scoped)
})

/** What is `--version` to other commands is `--to` here. */
const namingItsFlag = (failure: CliFailure): CliFailure =>
  failure.details === undefined
    ? failure
    : failure.but({ details: failure.details.map((line) => line.replace(/^--version:/, "--to:")) })
