import { Effect } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { DeploymentView, FunctionView, VersionView } from "../client/index.ts"
import { type BuiltFunction, buildFunction } from "./buildFunction.ts"
import { CliFailure } from "./CliFailure.ts"
import { commandWord } from "./commandWord.ts"
import { argument, command, option, toggle } from "./CommandLine.ts"
import { type Connection, connect, connectionFlags } from "./connection.ts"
import { readSettings, settingsFlags } from "./functionSettings.ts"
import { missingName } from "./missingName.ts"
import { note, plural, print, printJson, showBytes, showMillis, withProgress } from "./Output.ts"
import {
  find,
  isInForce,
  lostVariables,
  refuseDifferences,
  refuseStrangeSettings,
  register,
  saysSomething,
  settingsKept
} from "./registration.ts"

export const deploy = command({
  name: "deploy",
  summary: "build a function and put it in force, registering it if it is new",
  details: [
    "The bundle is made as `bunbase fn build` makes it, and loaded once in a worker before anything changes: a deployment that " +
      "fails leaves the active version in force. Without --version the next of v1, v2, … is taken; code that is identical to " +
      "the active version is not deployed again.",
    "The flags from --runtime to --expose-errors say what the function is. They take effect until its first version is in " +
      "force, also when a first deployment fails: the name keeps them until a deployment brings other ones, which replace " +
      "all of them. From then on they must agree with what it is, and may be left out."
  ],
  parameters: {
    name: argument("NAME", "the function's name"),
    source: argument("FILE|FOLDER", "the function's source"),
    version: option("version", "LABEL", "Label of this version, e.g. v3, 1.0.0 or 2026-01-27."),
    ...settingsFlags,
    json: toggle("json", "Print the result as JSON."),
    ...connectionFlags
  },
  examples: [
    "bunbase fn deploy hello hello.ts",
    "bunbase fn deploy shop ./shop --memory-mb 128 --warm-workers 2 --env CURRENCY=EUR",
    "bunbase fn deploy hello hello.ts --version 1.2.0 --url http://127.0.0.1:8080"
  ],
  tooFew: missingName,
  run: ({ name, source, version, json, socket, url, apiKey, ...flags }) =>
    Effect.gen(function* () {
      const began = performance.now()
      const settings = yield* readSettings(name, flags)
      const connection = yield* connect({ socket, url, apiKey })
      const existing = yield* withProgress("asking the server", find(connection, name))
      if (isInForce(existing)) yield* refuseDifferences(connection, settings, existing)
      const bundle = yield* buildFunction(source, settings.runtime ?? existing?.runtime).pipe(
        Effect.mapError((failure) => nothingDeployed(failure, existing))
      )
      const known = existing === null ? [] : yield* versionsOf(connection, name)
      const active = known.find((one) => one.active)
      if (active?.sha256 === bundle.sha256 && (version === undefined || version === active.version)) {
        // Still deployed: the server checks what it has stored, and mends a bundle that was lost or damaged.
        yield* withProgress(`checking ${name}`, put(connection, name, active.version, known, bundle))
        yield* json
          ? printJson({ outcome: "unchanged", name, version: active.version, sha256: active.sha256 })
          : print(`nothing changed: ${name} ${active.version} is exactly this code\n`)
        return
      }
      const isNew = existing === null || (!isInForce(existing) && saysSomething(settings))
      const registered = isNew ? yield* register(connection, settings) : existing
      const deployed = yield* withProgress(
        `deploying ${name}`,
        put(connection, name, version, known, bundle)
      ).pipe(
        Effect.mapError((failure) => (isNew && saysSomething(settings) ? settingsKept(failure) : failure)),
        Effect.onInterrupt(() => mayStillComplete(name, connection))
      )
      if (isNew && saysSomething(settings)) {
        yield* refuseStrangeSettings(connection, settings, deployed.version)
      }
      const lost = lostVariables(existing, registered)
      const millis = performance.now() - began
      const call = callLines(name, connection, (yield* connection.whereabouts).httpUrl)
      yield* json
        ? printJson({
            outcome: "deployed",
            ...deployed,
            registered: isNew,
            duration_ms: Math.round(millis),
            call
          })
        : print(
            [
              ...(isNew
                ? [
                    `registered ${name} (${registered.function_id}) on ${registered.runtime}` +
                      (lost.length === 0 ? "" : `; it no longer has ${lost.join(", ")}`)
                  ]
                : []),
              `built ${source}: ${showBytes(bundle.sizeBytes)} from ${plural(bundle.inputs.length, "file")}`,
              `deployed ${name} ${deployed.version}${active === undefined ? "" : ` (was ${active.version})`} in ${showMillis(millis)}`,
              "",
              "call it:",
              ...call.map((line) => `  ${line}`),
              ""
            ].join("\n")
          )
    }).pipe(Effect.scoped)
})

/** Ctrl-C gives up the wait for the server, not what the server is doing. */
export const mayStillComplete = (name: string, { flags }: Connection): Effect.Effect<void> =>
  note(`the server may still complete it: ${commandWord()} fn versions ${name}${flags}`)

/** A build that failed, with what that means for the function. */
const nothingDeployed = (failure: CliFailure, existing: FunctionView | null): CliFailure => {
  const { next } = failure
  const serves = isInForce(existing)
    ? `; version ${existing.active_version} of ${existing.name} still serves`
    : ""
  return failure.but({ next: `nothing was deployed${serves}${next === undefined ? "" : `; ${next}`}` })
}

const versionsOf = (
  { call }: Connection,
  name: string
): Effect.Effect<ReadonlyArray<VersionView>, CliFailure> =>
  call((client, signal) => client.versions(name, { signal }))

/** The next of v1, v2, … */
export const nextVersion = (labels: ReadonlyArray<string>): string => {
  const numbers = labels.flatMap((label) => /^v(\d{1,9})$/.exec(label)?.[1] ?? [])
  return `v${Math.max(0, ...numbers.map(Number)) + 1}`
}

const put = (
  connection: Connection,
  name: string,
  version: string | undefined,
  known: ReadonlyArray<VersionView>,
  bundle: BuiltFunction
): Effect.Effect<DeploymentView, CliFailure> => {
  const label = version ?? nextVersion(known.map((one) => one.version))
  return connection.url !== null || fitsIntoFrame(bundle)
    ? connection.call((client, signal) =>
        client.deploy(name, { version: label, bundle: bundle.code, sourceMap: bundle.sourceMap }, { signal })
      )
    : throughFile(connection, name, label, bundle)
}

/** A frame of the socket holds 16 MiB, the request's other fields included. What is larger goes through a file. */
const MOST_IN_A_FRAME = 15 * 1024 * 1024
const fitsIntoFrame = ({ code, sourceMap }: BuiltFunction): boolean =>
  Buffer.byteLength(JSON.stringify([code, sourceMap])) < MOST_IN_A_FRAME

const throughFile = (
  { call }: Connection,
  name: string,
  version: string,
  bundle: BuiltFunction
): Effect.Effect<DeploymentView, CliFailure> =>
  Effect.acquireUseRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "bunbase-deploy-"))),
    (folder) =>
      Effect.gen(function* () {
        const bundlePath = join(folder, "bundle.js")
        yield* Effect.promise(() => writeFile(bundlePath, bundle.code))
        // The server looks for it there.
        yield* Effect.promise(() => writeFile(`${bundlePath}.map`, bundle.sourceMap))
        return yield* call((client, signal) => client.deploy(name, { version, bundlePath }, { signal }))
      }),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  )

const callLines = (name: string, { flags }: Connection, address: string | null): ReadonlyArray<string> => [
  ...(address === null ? [] : [`curl ${address}/functions/${name}`]),
  `${commandWord()} fn invoke ${name}${flags}`
]
