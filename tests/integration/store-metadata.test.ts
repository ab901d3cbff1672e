import { Context, Effect, Either, Layer, Option, Schema, type Scope } from "effect"
import fc from "fast-check"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { profileCapabilities } from "../../src/domain/Capabilities.ts"
import { RegisterFunction } from "../../src/domain/FunctionSpec.ts"
import { newFunctionId, newVersionId, VersionLabel } from "../../src/domain/Ids.ts"
import * as DataFolder from "../../src/store/DataFolder.ts"
import * as MemoryMetadataStore from "../../src/store/MemoryMetadataStore.ts"
import { MetadataStore } from "../../src/store/MetadataStore.ts"
import * as SqlMetadataStore from "../../src/store/SqlMetadataStore.ts"
import { configLayer, temporaryFolder } from "../support/TemporaryData.ts"

type Store = Context.Tag.Service<MetadataStore>

const sqlStore = (folder: string) =>
  Layer.build(
    SqlMetadataStore.layer.pipe(Layer.provide(DataFolder.layer), Layer.provide(configLayer(folder)))
  )
const memoryStore = (folder: string) =>
  Layer.build(MemoryMetadataStore.layer.pipe(Layer.provide(configLayer(folder))))

const stores = {
  SqlMetadataStore: (folder: string) => Effect.map(sqlStore(folder), Context.get(MetadataStore)),
  MemoryMetadataStore: (folder: string) => Effect.map(memoryStore(folder), Context.get(MetadataStore))
}

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))

const registration = (fields: object) => Schema.decodeUnknownSync(RegisterFunction)(fields)
const label = (text: string) => Schema.decodeSync(VersionLabel)(text)
const sha = (digit: string) => digit.repeat(64)

describe.each(Object.entries(stores))("%s", (_name, open) => {
  const withStore = <A, E>(body: (store: Store, folder: string) => Effect.Effect<A, E, Scope.Scope>) =>
    run(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        return yield* body(yield* open(folder), folder)
      })
    )

  it("gives back what was registered, by name and by id", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const capabilities = { ...profileCapabilities.custom, domains: ["*.example.com"] }
        const record = yield* store.registerFunction(
          registration({
            name: "hello",
            handler: "main",
            env: { B: "2", A: "ü\n" },
            memory_mb: 128,
            timeout_seconds: 0.5,
            max_concurrent_executions: 7,
            warm_workers: 0,
            max_workers: 3,
            concurrency: 4,
            idle_timeout_seconds: 9.5,
            expose_errors: true,
            capabilities
          })
        )
        expect(record).toMatchObject({
          name: "hello",
          runtime: "bun",
          handler: "main",
          status: "registered",
          settings: {
            memory_mb: 128,
            timeout_seconds: 0.5,
            max_concurrent_executions: 7,
            warm_workers: 0,
            max_workers: 3,
            concurrency: 4,
            idle_timeout_seconds: 9.5,
            expose_errors: true,
            capabilities
          },
          env: { A: "ü\n", B: "2" },
          active_version_id: null,
          active_version: null
        })
        expect(record.created_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
        expect(yield* store.findFunction("hello")).toEqual(record)
        expect(yield* store.findFunction(record.id)).toEqual(record)
        expect(yield* store.listFunctions).toEqual([record])
      })
    ))

  it("keeps what was left out as left out", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const record = yield* store.registerFunction(registration({ name: "bare" }))
        expect(record.settings).toEqual({})
        expect(record.env).toEqual({})
      })
    ))

  it("replaces the settings of a function that was never deployed, the environment included", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const first = yield* store.registerFunction(
          registration({ name: "hello", handler: "typo", memory_mb: 64, env: { A: "1", B: "2" } })
        )
        const wanted = registration({ name: "hello", timeout_seconds: 2, env: { B: "3" } })
        const second = yield* store.registerFunction(wanted)
        expect(second).toMatchObject({ id: first.id, created_at: first.created_at, status: "registered" })
        expect({ handler: second.handler, settings: second.settings, env: second.env }).toEqual({
          handler: "handler",
          settings: { timeout_seconds: 2 },
          env: { B: "3" }
        })
        expect(yield* store.findFunction("hello")).toEqual(second)
        expect(yield* store.registerFunction(wanted)).toEqual(second)
        expect(yield* store.listFunctions).toEqual([second])
      })
    ))

  it("refuses other settings for a function that is deployed, names them, and changes nothing", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const wanted = registration({ name: "hello", memory_mb: 64, env: { A: "secret" } })
        const { id } = yield* store.registerFunction(wanted)
        const { record } = yield* store.addVersion({
          functionId: id,
          version: label("v1"),
          sizeBytes: 1,
          sha256: "a".repeat(64)
        })
        yield* store.activate(id, record.id)
        const before = yield* store.findFunction("hello")
        expect(yield* store.registerFunction(wanted)).toEqual(before)
        const error = yield* Effect.flip(
          store.registerFunction(registration({ name: "hello", memory_mb: 128, env: { A: "other" } }))
        )
        expect(error).toMatchObject({
          _tag: "InvalidRequest",
          violations: [
            { field: "name", value: "hello" },
            { field: "memory_mb", value: 128, message: "it is 64" },
            { field: "env.A", message: "it has another value" }
          ]
        })
        expect(JSON.stringify(error)).not.toContain("secret")
        expect(yield* store.listFunctions).toEqual([before])
      })
    ))

  it("gives one function to registrations at the same time", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const results = yield* Effect.all(
          Array.from({ length: 10 }, (_, at) =>
            store.registerFunction(
              registration({ name: "race", memory_mb: 64 + at, env: { [`A${at}`]: "1" } })
            )
          ),
          { concurrency: "unbounded" }
        )
        expect(new Set(results.map(({ id }) => id)).size).toBe(1)
        const [left, ...more] = yield* store.listFunctions
        expect(more).toEqual([])
        // One of them as a whole.
        expect(results).toContainEqual(left)
      })
    ))

  it("does not find what is not there", () =>
    withStore((store) =>
      Effect.gen(function* () {
        for (const name of ["nobody", "", "' OR 1=1 --", newFunctionId()]) {
          expect(yield* Effect.flip(store.findFunction(name))).toMatchObject({
            _tag: "FunctionNotFound",
            function: name,
            reason: "unknown"
          })
        }
        expect(yield* store.listVersions(newFunctionId())).toEqual([])
        expect(Option.isNone(yield* store.findVersion(newFunctionId(), label("v1")))).toBe(true)
      })
    ))

  it("lists by name", () =>
    withStore((store) =>
      Effect.gen(function* () {
        for (const name of ["b", "a-1", "c", "a"]) yield* store.registerFunction(registration({ name }))
        expect((yield* store.listFunctions).map(({ name }) => name)).toEqual(["a", "a-1", "b", "c"])
      })
    ))

  it("adds a version: the function is built, its bundle has its place", () =>
    withStore((store, folder) =>
      Effect.gen(function* () {
        const { id } = yield* store.registerFunction(registration({ name: "hello" }))
        const { created, record } = yield* store.addVersion({
          functionId: id,
          version: label("v1"),
          sizeBytes: 12,
          sha256: sha("a")
        })
        expect(created).toBe(true)
        expect(record).toMatchObject({
          function_id: id,
          version: "v1",
          size_bytes: 12,
          sha256: sha("a"),
          bundle_path: join(folder, "bundles", id, "v1", "bundle.js")
        })
        expect((yield* store.findFunction(id)).status).toBe("built")
        expect(yield* store.findVersion(id, label("v1"))).toEqual(Option.some(record))
        expect(yield* store.wasDeployed(record.id)).toBe(false)
      })
    ))

  it("a version never changes: the same content is the same version, other content is refused", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const { id } = yield* store.registerFunction(registration({ name: "hello" }))
        const version = { functionId: id, version: label("v1"), sizeBytes: 12, sha256: sha("a") }
        const first = yield* store.addVersion(version)
        expect(yield* store.addVersion(version)).toEqual({ record: first.record, created: false })
        expect(
          yield* Effect.flip(store.addVersion({ ...version, sizeBytes: 13, sha256: sha("b") }))
        ).toMatchObject({ _tag: "DeploymentFailed", stage: "version" })
        expect(yield* store.listVersions(id)).toEqual([first.record])
      })
    ))

  it("adds no version to a function that is not there", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          store.addVersion({
            functionId: newFunctionId(),
            version: label("v1"),
            sizeBytes: 1,
            sha256: sha("a")
          })
        )
        expect(error._tag).toBe("FunctionNotFound")
      })
    ))

  it("activates: function, version and deployment at once; the one before is superseded", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const { id } = yield* store.registerFunction(registration({ name: "hello" }))
        const add = (version: string, digit: string) =>
          store.addVersion({ functionId: id, version: label(version), sizeBytes: 1, sha256: sha(digit) })
        const v1 = (yield* add("v1", "1")).record
        const v2 = (yield* add("v2", "2")).record
        expect(yield* store.listDeployed).toEqual([])

        const first = yield* store.activate(id, v1.id)
        expect(first).toMatchObject({ function_id: id, version_id: v1.id, version: "v1", status: "deployed" })
        expect(first.id).toMatch(/^deploy-/)
        const second = yield* store.activate(id, v2.id)
        const third = yield* store.activate(id, v2.id)

        const record = yield* store.findFunction("hello")
        expect(record).toMatchObject({ status: "deployed", active_version_id: v2.id, active_version: "v2" })
        expect(yield* store.listDeployed).toEqual([{ function: record, version: v2 }])
        expect(yield* store.listDeployments(id)).toEqual([
          { ...first, status: "superseded" },
          { ...second, status: "superseded" },
          third
        ])
        expect(yield* store.wasDeployed(v1.id)).toBe(true)
        expect(yield* store.listVersions(id)).toEqual([v1, v2])
      })
    ))

  it("activates neither another function's version nor one that is not there", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const a = yield* store.registerFunction(registration({ name: "a" }))
        const b = yield* store.registerFunction(registration({ name: "b" }))
        const { record } = yield* store.addVersion({
          functionId: b.id,
          version: label("v1"),
          sizeBytes: 1,
          sha256: sha("1")
        })
        for (const version of [record.id, newVersionId()]) {
          expect((yield* Effect.flip(store.activate(a.id, version)))._tag).toBe("VersionNotFound")
        }
        expect((yield* Effect.flip(store.activate(newFunctionId(), record.id)))._tag).toBe("FunctionNotFound")
        expect(yield* store.findFunction("a")).toEqual(a)
        expect(yield* store.listDeployed).toEqual([])
      })
    ))

  it("takes back a version that was never deployed, and only such a one", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const { id } = yield* store.registerFunction(registration({ name: "hello" }))
        const version = { functionId: id, version: label("v1"), sizeBytes: 1, sha256: sha("1") }
        const first = (yield* store.addVersion(version)).record
        yield* store.removeUndeployed(first.id)
        yield* store.removeUndeployed(first.id)
        expect((yield* store.findFunction(id)).status).toBe("registered")
        expect(yield* store.listVersions(id)).toEqual([])

        const again = (yield* store.addVersion({ ...version, sha256: sha("2") })).record
        yield* store.activate(id, again.id)
        const other = (yield* store.addVersion({ ...version, version: label("v2") })).record
        yield* store.activate(id, other.id)
        yield* store.removeUndeployed(again.id)
        yield* store.removeUndeployed(other.id)
        expect(yield* store.listVersions(id)).toEqual([again, other])
      })
    ))

  it("any sequence of deploys leaves every version as it was first stored", async () => {
    const step = fc.record({
      label: fc.constantFrom("v1", "v2", "v3"),
      digit: fc.constantFrom("a", "b"),
      activate: fc.boolean()
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), (steps) =>
        withStore((store) =>
          Effect.gen(function* () {
            const { id } = yield* store.registerFunction(registration({ name: "hello" }))
            const model = new Map<string, string>()
            let active: string | null = null
            for (const { activate, digit, label: text } of steps) {
              const known = model.get(text)
              const added = yield* Effect.either(
                store.addVersion({
                  functionId: id,
                  version: label(text),
                  sizeBytes: 1,
                  sha256: sha(digit)
                })
              )
              expect(Either.isRight(added)).toBe(known === undefined || known === digit)
              if (Either.isLeft(added)) continue
              expect(added.right.created).toBe(known === undefined)
              model.set(text, digit)
              if (activate) {
                yield* store.activate(id, added.right.record.id)
                active = text
              }
            }
            const versions = yield* store.listVersions(id)
            expect(versions.map(({ sha256, version }) => [version, sha256])).toEqual(
              [...model].map(([text, digit]) => [text, sha(digit)])
            )
            const record = yield* store.findFunction(id)
            expect(record.active_version).toBe(active)
            expect(record.status).toBe(active !== null ? "deployed" : model.size > 0 ? "built" : "registered")
            const deployments = yield* store.listDeployments(id)
            expect(deployments.filter(({ status }) => status === "deployed")).toHaveLength(
              active === null ? 0 : 1
            )
          })
        )
      ),
      { numRuns: 25 }
    )
  })
})
