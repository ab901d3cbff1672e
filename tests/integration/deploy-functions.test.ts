import { Deferred, Effect, Either, Exit, Fiber, Schema } from "effect"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { ColdStartTimeout, DeploymentFailed, type ManagementError } from "../../src/domain/Errors.ts"
import { VersionLabel } from "../../src/domain/Ids.ts"
import { FunctionView } from "../../src/protocol/Management.ts"
import { noQuickJs } from "../support/BunAlone.ts"
import {
  bundleFile,
  bundleFiles,
  byPath,
  code,
  registration,
  upload,
  withControlPlane
} from "../support/ControlPlane.ts"
import { noWorkers } from "../support/ScriptedPools.ts"

const syntaxError = new DeploymentFailed({ stage: "syntax", reason: "unexpected end", file: "bundle.js" })

describe("register", () => {
  it("gives the function with its limits in force, and makes it known as not deployed", () =>
    withControlPlane(({ functions, router }) =>
      Effect.gen(function* () {
        const view = yield* functions.register(
          registration({ name: "hello", memory_mb: 64, env: { TOKEN: "s3cret", A: "1" } })
        )
        expect(Schema.is(FunctionView)(view)).toBe(true)
        expect(view).toMatchObject({
          name: "hello",
          runtime: "bun",
          handler: "handler",
          status: "registered",
          state: "REGISTERED",
          active_version: null,
          memory_mb: 64,
          timeout_seconds: 30,
          max_workers: 10,
          expose_errors: false,
          env: ["A", "TOKEN"],
          workers: noWorkers,
          queued: 0
        })
        expect(JSON.stringify(view)).not.toContain("s3cret")
        expect(router.resolve("hello")).toMatchObject({ reason: "not_deployed" })
        expect(yield* functions.get(view.function_id)).toEqual(view)
        expect(yield* functions.list).toEqual([view])
        expect(yield* functions.versions("hello")).toEqual([])
      })
    ))

  it("refuses a runtime that this build does not have, and limits beyond the server's, all at once", () =>
    withControlPlane(({ functions }) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          functions.register(registration({ name: "q", runtime: "quickjs-ng", max_workers: 999 }))
        )
        expect(error).toMatchObject({
          _tag: "InvalidRequest",
          violations: [{ field: "runtime", message: noQuickJs }, { field: "max_workers" }]
        })
        expect(yield* functions.list).toEqual([])
      })
    ))
})

describe("deploy", () => {
  it("stores, loads, commits and publishes, in this order", () =>
    withControlPlane(({ calls, folder, functions, metadata, router, script }) =>
      Effect.gen(function* () {
        const { function_id } = yield* functions.register(registration({ name: "hello", env: { A: "1" } }))
        let whileLoading: unknown
        script.prepare = () =>
          Effect.gen(function* () {
            const found = yield* metadata.findFunction("hello")
            whileLoading = {
              status: found.status,
              active: found.active_version,
              file: readFileSync(bundleFile(folder, function_id, "v1"), "utf8"),
              route: router.resolve("hello")
            }
          }).pipe(Effect.orDie)
        const view = yield* functions.deploy("hello", { ...upload("v1"), source_map: "{}" })

        expect(whileLoading).toMatchObject({
          status: "built",
          active: null,
          file: code("v1"),
          route: { reason: "not_deployed" }
        })
        expect(view).toMatchObject({
          function_id,
          name: "hello",
          version: "v1",
          status: "deployed",
          size_bytes: code("v1").length,
          sha256: new Bun.CryptoHasher("sha256").update(code("v1")).digest("hex")
        })
        expect(router.resolve("hello")).toMatchObject({
          functionId: function_id,
          version: "v1",
          bundlePath: bundleFile(folder, function_id, "v1"),
          env: { A: "1" },
          limits: { memory_mb: 256 }
        })
        expect(yield* functions.get("hello")).toMatchObject({
          status: "deployed",
          state: "DEPLOYED",
          active_version: "v1"
        })
        expect(calls).toEqual(["prepare hello@v1"])
        expect(bundleFiles(folder)).toEqual([
          bundleFile(folder, function_id, "v1"),
          `${bundleFile(folder, function_id, "v1")}.map`
        ])
      })
    ))

  it("of exactly the code that is in force changes nothing, and the log says so", () =>
    withControlPlane(({ calls, functions, logs }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello" }))
        yield* functions.deploy("hello", upload("v1"))
        expect(yield* functions.deploy("hello", upload("v1"))).toMatchObject({ version: "v1" })
        expect(calls).toEqual(["prepare hello@v1"])
        expect(logs.map(({ message }) => message)).toEqual([
          "registered",
          "deployed",
          "not deployed again: exactly this code is in force"
        ])
      })
    ))

  it("replaces the active version, keeps it, and goes back to it", () =>
    withControlPlane(({ calls, functions, router }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello" }))
        yield* functions.deploy("hello", upload("v1"))
        yield* functions.deploy("hello", upload("v2"))
        expect(router.resolve("hello")).toMatchObject({ version: "v2" })
        expect(calls).toEqual(["prepare hello@v1", "prepare hello@v2", "retire v1"])

        const [v1] = yield* functions.versions("hello")
        yield* functions.deploy("hello", byPath("v1", v1?.bundle_path ?? ""))
        expect(router.resolve("hello")).toMatchObject({ version: "v1", versionId: v1?.id })
        expect(calls.slice(3)).toEqual(["prepare hello@v1", "retire v2"])
        expect((yield* functions.versions("hello")).map((one) => [one.version, one.active])).toEqual([
          ["v1", true],
          ["v2", false]
        ])
      })
    ))

  it("the active version again is a success that is recorded and changes nothing", () =>
    withControlPlane(({ calls, functions, metadata, router }) =>
      Effect.gen(function* () {
        const { function_id } = yield* functions.register(registration({ name: "hello" }))
        const first = yield* functions.deploy("hello", upload("v1"))
        const before = router.resolve("hello")
        const second = yield* functions.deploy("hello", upload("v1"))
        expect(second.deployment_id).not.toBe(first.deployment_id)
        expect(router.resolve("hello")).toEqual(before)
        expect(calls).toEqual(["prepare hello@v1"])
        const record = yield* metadata.findFunction(function_id)
        expect(yield* metadata.listDeployments(record.id)).toHaveLength(2)
      })
    ))

  it("refuses other content under a known version and leaves it as it is", () =>
    withControlPlane(({ calls, folder, functions, router }) =>
      Effect.gen(function* () {
        const { function_id } = yield* functions.register(registration({ name: "hello" }))
        yield* functions.deploy("hello", upload("v1"))
        const error = yield* Effect.flip(functions.deploy("hello", upload("v1", "other")))
        expect(error).toMatchObject({ _tag: "DeploymentFailed", stage: "version" })
        expect(readFileSync(bundleFile(folder, function_id, "v1"), "utf8")).toBe(code("v1"))
        expect(router.resolve("hello")).toMatchObject({ version: "v1" })
        expect(calls).toHaveLength(1)
      })
    ))

  const failures: ReadonlyArray<
    readonly [string, Effect.Effect<void, DeploymentFailed | ColdStartTimeout>, object]
  > = [
    ["a bundle that does not load", syntaxError, { _tag: "DeploymentFailed", stage: "syntax" }],
    [
      "a worker that does not start in time",
      new ColdStartTimeout({ reason: "not ready after 10000 ms", retryAfterSeconds: 1 }),
      {
        _tag: "DeploymentFailed",
        stage: "start",
        reason: "not ready after 10000 ms"
      }
    ]
  ]
  it.each(failures)(
    "%s leaves the active version untouched and nothing of the new one",
    (_, outcome, expected) =>
      withControlPlane(({ calls, folder, functions, logs, router, script }) =>
        Effect.gen(function* () {
          yield* functions.register(registration({ name: "hello" }))
          yield* functions.deploy("hello", upload("v1"))
          const before = {
            function: yield* functions.get("hello"),
            versions: yield* functions.versions("hello"),
            files: bundleFiles(folder)
          }
          script.prepare = () => outcome
          expect(yield* Effect.flip(functions.deploy("hello", upload("v2")))).toMatchObject(expected)
          expect(router.resolve("hello")).toMatchObject({ version: "v1" })
          expect({
            function: yield* functions.get("hello"),
            versions: yield* functions.versions("hello"),
            files: bundleFiles(folder)
          }).toEqual(before)
          expect(calls.at(-1)).toBe("retire v2")
          expect(logs.at(-1)).toMatchObject({ level: "warn", functionName: "hello", version: "v2" })

          // the label is free again, for mended code
          script.prepare = () => Effect.void
          yield* functions.deploy("hello", upload("v2", "mended"))
          expect(router.resolve("hello")).toMatchObject({ version: "v2" })
        })
      )
  )

  it("a first deployment that fails leaves the function registered", () =>
    withControlPlane(({ folder, functions, router, script }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello" }))
        script.prepare = () => syntaxError
        yield* Effect.flip(functions.deploy("hello", upload("v1")))
        expect(yield* functions.get("hello")).toMatchObject({ status: "registered", state: "REGISTERED" })
        expect(router.resolve("hello")).toMatchObject({ reason: "not_deployed" })
        expect(bundleFiles(folder)).toEqual([])
      })
    ))

  it("a version that was stored before stays when its next deployment fails", () =>
    withControlPlane(({ functions, script }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello" }))
        yield* functions.deploy("hello", upload("v1"))
        yield* functions.deploy("hello", upload("v2"))
        script.prepare = () => syntaxError
        yield* Effect.flip(functions.deploy("hello", upload("v1")))
        expect((yield* functions.versions("hello")).map(({ version }) => version)).toEqual(["v1", "v2"])
      })
    ))

  it("finds syntax errors and imports before anything is stored or started", () =>
    withControlPlane(({ calls, folder, functions }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello" }))
        const version = Schema.decodeSync(VersionLabel)("v1")
        for (const [bundle, stage] of [
          ["export default () => {", "syntax"],
          ["import x from './other.js'\nexport default () => x", "import"]
        ] as const) {
          expect(yield* Effect.flip(functions.deploy("hello", { version, bundle }))).toMatchObject({
            _tag: "DeploymentFailed",
            stage
          })
        }
        expect(calls).toEqual([])
        expect(bundleFiles(folder)).toEqual([])
      })
    ))

  it("is undone when its caller goes away while the bundle loads", () =>
    withControlPlane(({ calls, folder, functions, router, script }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello" }))
        const loading = yield* Deferred.make<void>()
        script.prepare = () => Effect.zipRight(Deferred.succeed(loading, undefined), Effect.never)
        const deployment = yield* Effect.fork(functions.deploy("hello", upload("v1")))
        yield* Deferred.await(loading)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(deployment))).toBe(true)
        expect(router.resolve("hello")).toMatchObject({ reason: "not_deployed" })
        expect(yield* functions.versions("hello")).toEqual([])
        expect(bundleFiles(folder)).toEqual([])
        expect(calls.at(-1)).toBe("retire v1")
      })
    ))

  it("of one function take turns; those of others go on meanwhile", () =>
    withControlPlane(({ calls, functions, router, script }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "one" }))
        yield* functions.register(registration({ name: "two" }))
        const gate = yield* Deferred.make<void>()
        const loading = yield* Deferred.make<void>()
        script.prepare = ({ name, version }) =>
          name === "one" && version === "v1"
            ? Effect.zipRight(Deferred.succeed(loading, undefined), Deferred.await(gate))
            : Effect.void
        const first = yield* Effect.fork(functions.deploy("one", upload("v1")))
        yield* Deferred.await(loading)
        const second = yield* Effect.fork(functions.deploy("one", upload("v2")))
        yield* functions.deploy("two", upload("v1"))
        expect(calls).toEqual(["prepare one@v1", "prepare two@v1"])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        expect(router.resolve("one")).toMatchObject({ version: "v2" })
        expect(calls.slice(2)).toEqual(["prepare one@v2", "retire v1"])
      })
    ))

  it("the same version from two callers at once with different content has one winner", () =>
    withControlPlane(({ functions }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello" }))
        const results = yield* Effect.all(
          ["a", "b"].map((text) => Effect.either(functions.deploy("hello", upload("v1", text)))),
          { concurrency: "unbounded" }
        )
        expect(results.filter(Either.isRight)).toHaveLength(1)
        expect(yield* functions.versions("hello")).toHaveLength(1)
      })
    ))

  it("of a function that is not there is FN_001", () =>
    withControlPlane(({ functions }) =>
      Effect.gen(function* () {
        const error: ManagementError = yield* Effect.flip(functions.deploy("nobody", upload("v1")))
        expect(error).toMatchObject({ _tag: "FunctionNotFound", reason: "unknown" })
      })
    ))

  it("takes over a bundle that lies in its place already, and leaves it there when it fails", () =>
    withControlPlane(({ folder, functions, script }) =>
      Effect.gen(function* () {
        const { function_id } = yield* functions.register(registration({ name: "hello" }))
        const path = bundleFile(folder, function_id, "v1")
        mkdirSync(join(path, ".."), { recursive: true })
        writeFileSync(path, code("by hand"))
        script.prepare = () => syntaxError
        yield* Effect.flip(functions.deploy("hello", byPath("v1", path)))
        expect(readFileSync(path, "utf8")).toBe(code("by hand"))
        expect(yield* functions.versions("hello")).toEqual([])
        script.prepare = () => Effect.void
        yield* functions.deploy("hello", byPath("v1", path))
        expect(bundleFiles(folder)).toEqual([path])
      })
    ))

  it("mends a bundle that was deleted or changed behind the server's back", () =>
    withControlPlane(({ calls, folder, functions }) =>
      Effect.gen(function* () {
        const { function_id } = yield* functions.register(registration({ name: "hello" }))
        yield* functions.deploy("hello", upload("v1"))
        const path = bundleFile(folder, function_id, "v1")
        for (const damage of [
          () => rmSync(join(path, ".."), { recursive: true }),
          () => writeFileSync(path, code("XX"))
        ]) {
          damage()
          yield* functions.deploy("hello", upload("v1"))
          expect(readFileSync(path, "utf8")).toBe(code("v1"))
        }
        expect(calls).toEqual(["prepare hello@v1", "prepare hello@v1", "prepare hello@v1"])
      })
    ))
})

describe("views", () => {
  it("show workers, queue and the state that follows from them", () =>
    withControlPlane(({ functions, script }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello" }))
        yield* functions.deploy("hello", upload("v1"))
        script.counts = { ...noWorkers, busy: 2, idle: 1 }
        script.queued = 7
        expect(yield* functions.get("hello")).toMatchObject({
          state: "BUSY",
          workers: script.counts,
          queued: 7
        })
      })
    ))
})
