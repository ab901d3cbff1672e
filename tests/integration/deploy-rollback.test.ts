import { Deferred, Effect, Exit, Fiber } from "effect"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { ColdStartTimeout, DeploymentFailed, type ManagementError } from "../../src/domain/Errors.ts"
import { VersionLabel } from "../../src/domain/Ids.ts"
import {
  bundleFile,
  bundleFiles,
  code,
  type ControlPlane,
  registration,
  upload,
  withControlPlane
} from "../support/ControlPlane.ts"

const to = (version: string) => ({ version: VersionLabel.make(version) })

/** `hello` with these versions, the last one in force. */
const withVersions = ({ functions }: ControlPlane, ...labels: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { function_id } = yield* functions.register(registration({ name: "hello" }))
    for (const label of labels) yield* functions.deploy("hello", upload(label))
    return function_id
  })

describe("rollback", () => {
  it("puts the version that was in force before in force again; once more, and it is as it was", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { calls, functions, logs, metadata, router } = plane
        const id = yield* withVersions(plane, "v1", "v2")
        calls.length = 0
        const back = yield* functions.rollback("hello", {})
        expect(back).toMatchObject({
          function_id: id,
          name: "hello",
          version: "v1",
          replaced: "v2",
          status: "deployed"
        })
        expect(back.deployment_id).toMatch(/^deploy-/)
        expect(calls).toEqual(["prepare hello@v1", "retire v2"])
        expect(router.resolve("hello")).toMatchObject({ version: "v1" })
        expect(yield* functions.get("hello")).toMatchObject({ active_version: "v1" })
        expect(logs.at(-1)).toMatchObject({ level: "info", version: "v1", message: "rolled back from v2" })
        expect(yield* functions.rollback(id, {})).toMatchObject({ version: "v2", replaced: "v1" })
        expect(
          (yield* metadata.listDeployments(back.function_id as never)).map(({ status, version }) => [
            version,
            status
          ])
        ).toEqual([
          ["v1", "superseded"],
          ["v2", "superseded"],
          ["v1", "superseded"],
          ["v2", "deployed"]
        ])
        expect((yield* functions.versions("hello")).map(({ version }) => version)).toEqual(["v1", "v2"])
      })
    ))

  it("goes to the version that is named, and takes the one in force as done", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { calls, functions, router } = plane
        yield* withVersions(plane, "v1", "v2", "v3")
        expect(yield* functions.rollback("hello", to("v1"))).toMatchObject({ version: "v1", replaced: "v3" })
        calls.length = 0
        expect(yield* functions.rollback("hello", to("v1"))).toMatchObject({ version: "v1", replaced: "v1" })
        expect(calls).toEqual([])
        expect(router.resolve("hello")).toMatchObject({ version: "v1" })
      })
    ))

  it("is refused where there is nothing to go back to, and changes nothing", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { calls, functions, router } = plane
        const refusal = (request: object) => Effect.flip(functions.rollback("hello", request))
        expect(yield* refusal({})).toMatchObject({ _tag: "FunctionNotFound", reason: "unknown" })
        yield* functions.register(registration({ name: "hello" }))
        expect(yield* refusal({})).toMatchObject({ _tag: "FunctionNotFound", reason: "not_deployed" })
        yield* functions.deploy("hello", upload("v1"))
        yield* functions.deploy("hello", upload("v1"))
        calls.length = 0
        const nothing = yield* refusal({})
        expect(nothing).toMatchObject({ _tag: "InvalidRequest" })
        expect(nothing.message).toContain('no version of "hello" was in force before v1')
        expect(yield* refusal(to("v9"))).toMatchObject({ _tag: "VersionNotFound", version: "v9" })
        expect(calls).toEqual([])
        expect(router.resolve("hello")).toMatchObject({ version: "v1" })
      })
    ))

  it.each([
    ["damaged", (path: string) => writeFileSync(path, "changed")],
    ["missing", (path: string) => rmSync(path)]
  ])("to a version whose bundle is %s is refused, until its code is deployed again", (_, damage) =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { folder, functions, router } = plane
        const id = yield* withVersions(plane, "v1", "v2")
        damage(bundleFile(folder, id, "v1"))
        const error = yield* Effect.flip(functions.rollback("hello", {}))
        expect(error).toMatchObject({ _tag: "DeploymentFailed", stage: "bundle" })
        expect(error.message).toMatch(/missing or damaged; .* version v2 of hello still serves$/)
        expect(router.resolve("hello")).toMatchObject({ version: "v2" })
        yield* functions.deploy("hello", upload("v1"))
        expect(yield* functions.rollback("hello", {})).toMatchObject({ version: "v2" })
      })
    )
  )

  it.each([
    ["does not load", new DeploymentFailed({ stage: "syntax", reason: "no" })],
    ["is not ready in time", new ColdStartTimeout({ reason: "not ready", retryAfterSeconds: 1 })]
  ])("to a version that %s leaves the one in force, and the stored ones", (_, failure) =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { calls, folder, functions, logs, router, script } = plane
        yield* withVersions(plane, "v1", "v2")
        const files = bundleFiles(folder)
        const before = yield* functions.get("hello")
        script.prepare = () => failure
        const error = yield* Effect.flip(functions.rollback("hello", {}))
        expect(error).toMatchObject({ _tag: "DeploymentFailed" })
        expect(error.message).toMatch(/version v2 of hello still serves$/)
        expect(calls.at(-1)).toBe("retire v1")
        expect(logs.at(-1)?.message).toMatch(/^not rolled back: /)
        expect(router.resolve("hello")).toMatchObject({ version: "v2" })
        expect(yield* functions.get("hello")).toEqual(before)
        expect(bundleFiles(folder)).toEqual(files)
        script.prepare = () => Effect.void
        expect(yield* functions.rollback("hello", {})).toMatchObject({ version: "v1" })
      })
    )
  )

  it("takes turns with deployments, and goes back from what is in force then", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { calls, functions, script } = plane
        yield* withVersions(plane, "v1", "v2")
        const loading = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void>()
        script.prepare = ({ version }) =>
          version === "v3"
            ? Effect.zipRight(Deferred.succeed(loading, undefined), Deferred.await(gate))
            : Effect.void
        calls.length = 0
        const deployment = yield* Effect.fork(functions.deploy("hello", upload("v3")))
        yield* Deferred.await(loading)
        const back = yield* Effect.fork(functions.rollback("hello", {}))
        yield* Effect.yieldNow()
        expect(calls).toEqual(["prepare hello@v3"])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(deployment)
        expect(yield* Fiber.join(back)).toMatchObject({ version: "v2", replaced: "v3" })
      })
    ))

  it("is undone when its caller goes away while the version loads", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { calls, functions, router, script } = plane
        yield* withVersions(plane, "v1", "v2")
        const loading = yield* Deferred.make<void>()
        script.prepare = () => Effect.zipRight(Deferred.succeed(loading, undefined), Effect.never)
        const back = yield* Effect.fork(functions.rollback("hello", {}))
        yield* Deferred.await(loading)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(back))).toBe(true)
        expect(calls.at(-1)).toBe("retire v1")
        expect(router.resolve("hello")).toMatchObject({ version: "v2" })
      })
    ))
})

describe("a deleted function", () => {
  it("is known no more, its workers end, and its bundles stay", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { calls, folder, functions, router } = plane
        const id = yield* withVersions(plane, "v1", "v2")
        const files = bundleFiles(folder)
        expect(yield* functions.deleteFunction("hello")).toEqual({
          function_id: id,
          name: "hello",
          status: "deleted"
        })
        expect(calls.at(-1)).toBe("retire v2")
        for (const key of ["hello", id]) {
          expect(router.resolve(key)).toMatchObject({ reason: "unknown" })
          const attempts: ReadonlyArray<Effect.Effect<unknown, ManagementError>> = [
            functions.get(key),
            functions.versions(key),
            functions.deploy(key, upload("v3")),
            functions.rollback(key, {}),
            functions.deleteVersion(key, VersionLabel.make("v1")),
            functions.deleteFunction(key)
          ]
          for (const attempt of attempts) {
            expect(yield* Effect.flip(attempt)).toMatchObject({ _tag: "FunctionNotFound" })
          }
        }
        expect(yield* functions.list).toEqual([])
        expect(bundleFiles(folder)).toEqual(files)
      })
    ))

  it("gives its name free, also to those who wait for their turn meanwhile", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { functions, router, script } = plane
        const id = yield* withVersions(plane, "v1")
        const loading = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void>()
        script.prepare = () => Effect.zipRight(Deferred.succeed(loading, undefined), Deferred.await(gate))
        const first = yield* Effect.fork(functions.deploy("hello", upload("v2")))
        yield* Deferred.await(loading)
        const changes: ReadonlyArray<Effect.Effect<unknown, ManagementError>> = [
          functions.deleteFunction("hello"),
          functions.register(registration({ name: "hello", memory_mb: 64 })),
          functions.deploy("hello", upload("v1", "new")),
          functions.deploy(id, upload("v4"))
        ]
        const waiting = yield* Effect.all(changes.map((one) => Effect.fork(Effect.either(one))))
        for (let turn = 0; turn < 10; turn += 1) yield* Effect.yieldNow()
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(first)
        const [deleted, , deployed, lost] = yield* Effect.all(waiting.map(Fiber.join))
        expect(deleted).toMatchObject({ _tag: "Right" })
        expect(deployed).toMatchObject({ _tag: "Right", right: { version: "v1" } })
        expect(lost).toMatchObject({ _tag: "Left", left: { _tag: "FunctionNotFound" } })
        const again = yield* functions.get("hello")
        expect(again).toMatchObject({ active_version: "v1", memory_mb: 64 })
        expect(again.function_id).not.toBe(id)
        expect(router.resolve("hello")).toMatchObject({ functionId: again.function_id })
        expect(router.resolve(id)).toMatchObject({ reason: "unknown" })
      })
    ))
})

describe("a deleted version", () => {
  it("goes with its bundle; its label is free for other content", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { folder, functions } = plane
        const id = yield* withVersions(plane, "v1", "v2")
        expect(yield* functions.deleteVersion("hello", VersionLabel.make("v1"))).toEqual({
          function_id: id,
          name: "hello",
          version: "v1",
          status: "deleted"
        })
        expect((yield* functions.versions("hello")).map(({ version }) => version)).toEqual(["v2"])
        expect(bundleFiles(folder)).toEqual([bundleFile(folder, id, "v2")])
        expect(yield* Effect.flip(functions.rollback("hello", {}))).toMatchObject({ _tag: "InvalidRequest" })
        yield* functions.deploy("hello", upload("v1", "other"))
        expect(yield* Effect.promise(() => Bun.file(bundleFile(folder, id, "v1")).text())).toBe(code("other"))
      })
    ))

  it("is not the one in force, nor one that is not there", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { folder, functions } = plane
        yield* withVersions(plane, "v1", "v2")
        const files = bundleFiles(folder)
        const refusal = (label: string) =>
          Effect.flip(functions.deleteVersion("hello", VersionLabel.make(label)))
        expect((yield* refusal("v2")).message).toMatch(/^version: is in force/)
        expect(yield* refusal("v9")).toMatchObject({ _tag: "VersionNotFound" })
        expect(bundleFiles(folder)).toEqual(files)
      })
    ))

  it("stays until its last worker has gone", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { folder, functions, script } = plane
        const id = yield* withVersions(plane, "v1", "v2")
        const asked = yield* Deferred.make<void>()
        const gone = yield* Deferred.make<void>()
        script.gone = Effect.zipRight(Deferred.succeed(asked, undefined), Deferred.await(gone))
        const deletion = yield* Effect.fork(functions.deleteVersion("hello", VersionLabel.make("v1")))
        yield* Deferred.await(asked)
        expect(bundleFiles(folder)).toContain(bundleFile(folder, id, "v1"))
        expect(yield* functions.versions("hello")).toHaveLength(2)
        yield* Deferred.succeed(gone, undefined)
        yield* Fiber.join(deletion)
        expect(bundleFiles(folder)).toEqual([bundleFile(folder, id, "v2")])
      })
    ))

  it("stays where somebody has put a link in its place", () =>
    withControlPlane((plane) =>
      Effect.gen(function* () {
        const { folder, functions } = plane
        const id = yield* withVersions(plane, "v1", "v2")
        const place = join(folder, "bundles", id, "v1")
        yield* Effect.promise(async () => {
          const fs = await import("node:fs/promises")
          await fs.rename(place, join(folder, "elsewhere"))
          await fs.symlink(join(folder, "elsewhere"), place)
        })
        const error = yield* Effect.flip(functions.deleteVersion("hello", VersionLabel.make("v1")))
        expect(error).toMatchObject({ _tag: "StorageFailed" })
        expect(yield* functions.versions("hello")).toHaveLength(2)
        expect(yield* Effect.promise(() => Bun.file(join(folder, "elsewhere", "bundle.js")).text())).toBe(
          code("v1")
        )
      })
    ))
})
