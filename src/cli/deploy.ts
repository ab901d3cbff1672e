import { Effect } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { DeploymentView, FunctionView, RegisterInput, VersionView } from "../client/index.ts"
import { type BuiltFunction, buildFunction } from "./buildFunction.ts"
import { CliFailure, ExitCode } from "./CliFailure.ts"
import { commandWord } from "./commandWord.ts"
import { argument, command, option, toggle } from "./CommandLine.ts"
import { type Connection, connect, connectionFlags } from "./connection.ts"
import { differences, readSettings, settingsFlags } from "./functionSettings.ts"
import { plural, print, printJson, showBytes, showMillis, withProgress } from "./Output.ts"

export const deploy = command({
  name: "deploy",
  summary: "build a function and put it in force, registering it if it is new",
  details: [
    "The bundle is made as `bunbase fn build` makes it, and loaded once in a worker before anything changes: a deployment that " +
      "fails leaves the active version in force. Without --version the next of v1, v2, … is taken; code that is identical to " +
      "the active version is not deployed again.",
    "The flags from --runtime to --expose-errors say what the function is; they take effect when it is registered."
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
  run: ({ name, source, version, json, socket, url, apiKey, ...flags }) =>
    Effect.gen(function* () {
      const began = performance.now()
      const settings = yield* readSettings(name, flags)
      const connection = yield* connect({ socket, url, apiKey })
      const existing = yield* withProgress("asking the server", find(connection, name))
      if (existing !== null) yield* refuseDifferences(settings, existing)
      const bundle = yield* buildFunction(source, existing?.runtime ?? settings.runtime)
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
      const registered = existing ?? (yield* register(connection, settings))
      const deployed = yield* withProgress(`deploying ${name}`, put(connection, name, version, known, bundle))
      const millis = performance.now() - began
      const call = callLines(name, connection, (yield* connection.whereabouts).httpUrl)
      yield* json
        ? printJson({
            outcome: "deployed",
            ...deployed,
            registered: existing === null,
            duration_ms: Math.round(millis),
            call
          })
        : print(
            [
              ...(existing === null
                ? [`registered ${name} (${registered.function_id}) on ${registered.runtime}`]
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

/** The function, or null where there is none of this name. */
const find = ({ call }: Connection, name: string): Effect.Effect<FunctionView | null, CliFailure> =>
  call((client, signal) =>
    client.get(name, { signal }).catch((error: unknown) => {
      if (isUnknown(error)) return null
      throw error
    })
  )

const isUnknown = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "FN_001"

const refuseDifferences = (
  settings: RegisterInput,
  existing: FunctionView
): Effect.Effect<void, CliFailure> => {
  const details = differences(settings, existing)
  return details.length === 0
    ? Effect.void
    : Effect.fail(
        new CliFailure({
          exitCode: ExitCode.failed,
          what: `"${existing.name}" exists already, with other settings; nothing was deployed`,
          details,
          next: "leave these flags out, or deploy under another name"
        })
      )
}

const versionsOf = (
  { call }: Connection,
  name: string
): Effect.Effect<ReadonlyArray<VersionView>, CliFailure> =>
  call((client, signal) => client.versions(name, { signal }))

const register = ({ call }: Connection, settings: RegisterInput): Effect.Effect<FunctionView, CliFailure> =>
  call((client, signal) => client.register(settings, { signal }))

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
