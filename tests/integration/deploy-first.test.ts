import { Deferred, Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { DeploymentFailed } from "../../src/domain/Errors.ts"
import {
  bundleFiles,
  controlPlane,
  registration,
  runScoped,
  upload,
  withControlPlane
} from "../support/ControlPlane.ts"
import { temporaryFolder } from "../support/TemporaryData.ts"

/** Until a version of a function is in force, its name is not burned: whatever failed, it can be registered anew. */

const noHandler = new DeploymentFailed({ stage: "handler", reason: "there is no such export" })

describe("a first deployment that fails", () => {
  it("leaves a function whose settings can be replaced, and the next deployment takes the new ones", () =>
    withControlPlane(({ folder, functions, logs, router, script }) =>
      Effect.gen(function* () {
        const first = yield* functions.register(
          registration({ name: "hello", handler: "typo", memory_mb: 64, env: { A: "secret-1", B: "2" } })
        )
        script.prepare = () => noHandler
        expect((yield* Effect.flip(functions.deploy("hello", upload("v1")))).message).toBe(
          "there is no such export; nothing was deployed"
        )
        expect(bundleFiles(folder)).toEqual([])

        const second = yield* functions.register(
          registration({ name: "hello", handler: "main", env: { A: "secret-2" } })
        )
        expect(second).toMatchObject({
          function_id: first.function_id,
          handler: "main",
          memory_mb: 256,
          env: ["A"],
          state: "REGISTERED"
        })
        script.prepare = () => Effect.void
        yield* functions.deploy("hello", upload("v1"))
        expect(router.resolve("hello")).toMatchObject({ handler: "main", env: { A: "secret-2" } })
        expect(logs.map(({ level, message }) => `${level} ${message}`)).toEqual([
          "info registered",
          "warn not deployed: there is no such export",
          "info registered again; changed: handler, memory_mb, env.A, env.B",
          "info deployed"
        ])
        expect(JSON.stringify(logs)).not.toContain("secret")
      })
    ))

  it("can be tried again as it is: the same registration changes nothing", () =>
    withControlPlane(({ functions, logs }) =>
      Effect.gen(function* () {
        const wanted = registration({ name: "hello", env: { A: "1" } })
        const first = yield* functions.register(wanted)
        expect(yield* functions.register(wanted)).toEqual(first)
        yield* functions.deploy("hello", upload("v1"))
        const deployed = yield* functions.get("hello")
        expect(yield* functions.register(wanted)).toEqual(deployed)
        expect(logs.map(({ message }) => message)).toEqual(["registered", "deployed"])
      })
    ))

  it("once in force, a registration that differs is told what holds, the server's defaults too", () =>
    withControlPlane(({ functions }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello", memory_mb: 64 }))
        yield* functions.deploy("hello", upload("v1"))
        const other = registration({ name: "hello", memory_mb: 32, timeout_seconds: 5, max_workers: 3 })
        expect(yield* Effect.flip(functions.register(other))).toMatchObject({
          _tag: "InvalidRequest",
          violations: [
            { field: "name" },
            { field: "memory_mb", value: 32, message: "it is 64" },
            { field: "timeout_seconds", value: 5, message: "it follows the server's default, which is 30" },
            { field: "max_workers", value: 3, message: "it follows the server's default, which is 10" }
          ]
        })
      })
    ))

  it("tells which version still serves, where one does", () =>
    withControlPlane(({ functions, script }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello" }))
        yield* functions.deploy("hello", upload("v1"))
        script.prepare = () => noHandler
        const error = yield* Effect.flip(functions.deploy("hello", upload("v2")))
        expect(error.message).toBe(
          "there is no such export; nothing was deployed; version v1 of hello still serves"
        )
      })
    ))
})

describe("registering a function that is being deployed", () => {
  /** A deployment that is loading its bundle, and a registration of the same name with other settings behind it. */
  const meanwhile = (outcome: Effect.Effect<void, DeploymentFailed>) =>
    withControlPlane(({ functions, metadata, router, script }) =>
      Effect.gen(function* () {
        yield* functions.register(registration({ name: "hello", env: { A: "1" } }))
        const loading = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void>()
        script.prepare = () =>
          Effect.zipRight(
            Deferred.succeed(loading, undefined),
            Effect.zipRight(Deferred.await(gate), outcome)
          )
        const deployment = yield* Effect.fork(Effect.exit(functions.deploy("hello", upload("v1"))))
        yield* Deferred.await(loading)
        const registering = yield* Effect.fork(
          Effect.either(functions.register(registration({ name: "hello", env: { A: "2" } })))
        )
        // It has had every chance to overtake.
        for (let turn = 0; turn < 50; turn += 1) yield* Effect.yieldNow()
        expect((yield* metadata.findFunction("hello")).env).toEqual({ A: "1" })
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(deployment)
        const registered = yield* Fiber.join(registering)
        const { env } = yield* metadata.findFunction("hello")
        return { registered, env, target: router.resolve("hello") }
      })
    )

  it("waits, and is refused when the version came into force with the settings that it was loaded with", async () => {
    const { env, registered, target } = await meanwhile(Effect.void)
    expect(registered).toMatchObject({
      _tag: "Left",
      left: { _tag: "InvalidRequest", violations: [{ field: "name" }, { field: "env.A" }] }
    })
    expect(env).toEqual({ A: "1" })
    expect(target).toMatchObject({ version: "v1", env: { A: "1" } })
  })

  it("waits, and replaces the settings when the deployment failed", async () => {
    const { env, registered, target } = await meanwhile(noHandler)
    expect(registered).toMatchObject({ _tag: "Right", right: { env: ["A"], state: "REGISTERED" } })
    expect(env).toEqual({ A: "2" })
    expect(target).toMatchObject({ reason: "not_deployed" })
  })
})

it("a name whose first deployment was cut short by a crash can be registered anew", () =>
  runScoped(
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      // Ends while the bundle loads, and nothing of the clearing up gets done, as after SIGKILL.
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { functions, metadata } = yield* controlPlane(folder)
          const { function_id } = yield* functions.register(registration({ name: "hello", handler: "typo" }))
          const record = yield* metadata.findFunction(function_id)
          yield* metadata.addVersion({
            functionId: record.id,
            version: upload("v1").version,
            sizeBytes: 1,
            sha256: "a".repeat(64)
          })
          expect(yield* functions.get("hello")).toMatchObject({ state: "BUILT" })
        })
      )
      const { functions, router } = yield* controlPlane(folder)
      yield* functions.restore
      expect(yield* functions.register(registration({ name: "hello", handler: "main" }))).toMatchObject({
        handler: "main"
      })
      yield* functions.deploy("hello", upload("v2"))
      expect(router.resolve("hello")).toMatchObject({ version: "v2", handler: "main" })
    })
  ))
