import { Context, Effect, Layer, Option, Schema, type Scope } from "effect"
import { describe, expect, it } from "vitest"
import { RegisterFunction } from "../../src/domain/FunctionSpec.ts"
import { newFunctionId, newVersionId, VersionLabel } from "../../src/domain/Ids.ts"
import * as DataFolder from "../../src/store/DataFolder.ts"
import * as MemoryMetadataStore from "../../src/store/MemoryMetadataStore.ts"
import { MetadataStore } from "../../src/store/MetadataStore.ts"
import * as SqlMetadataStore from "../../src/store/SqlMetadataStore.ts"
import { configLayer, temporaryFolder } from "../support/TemporaryData.ts"

/** Versions before the one in force, and deletions: the same for both stores. */

type Store = Context.Tag.Service<MetadataStore>

const stores = {
  SqlMetadataStore: SqlMetadataStore.layer.pipe(Layer.provide(DataFolder.layer)),
  MemoryMetadataStore: MemoryMetadataStore.layer
}

const label = (text: string) => Schema.decodeSync(VersionLabel)(text)
const registration = (name: string, env = {}) => Schema.decodeSync(RegisterFunction)({ name, env })

describe.each(Object.entries(stores))("%s", (_name, layer) => {
  const withStore = <A, E>(body: (store: Store) => Effect.Effect<A, E, Scope.Scope>) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const folder = yield* temporaryFolder
          const context = yield* Layer.build(Layer.provide(layer, configLayer(folder)))
          return yield* body(Context.get(context, MetadataStore))
        })
      )
    )

  /** A function with these versions, each activated in turn; gives their records by label. */
  const withHistory = (store: Store, name: string, history: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const { id } = yield* store.registerFunction(registration(name, { KEY: "secret" }))
      const versions = new Map<string, Effect.Effect.Success<ReturnType<Store["addVersion"]>>["record"]>()
      for (const text of history) {
        const { record } = yield* store.addVersion({
          functionId: id,
          version: label(text),
          sizeBytes: 1,
          sha256: "a".repeat(64)
        })
        versions.set(text, record)
        yield* store.activate(id, record.id)
      }
      const versionId = (text: string) => versions.get(text)?.id ?? newVersionId()
      const before = Effect.map(store.versionBefore(id), (found) =>
        Option.getOrNull(Option.map(found, ({ version }) => version))
      )
      return { id, versionId, before }
    })

  it.each([
    [[], null],
    [["v1"], null],
    [["v1", "v1"], null],
    [["v1", "v2"], "v1"],
    [["v1", "v2", "v2"], "v1"],
    [["v1", "v2", "v3"], "v2"],
    [["v1", "v2", "v3", "v1"], "v3"],
    [["v1", "v2", "v1", "v2"], "v1"]
  ])("of the deployments %j the version before is %s", (history, expected) =>
    withStore((store) =>
      Effect.gen(function* () {
        yield* withHistory(store, "other", ["v8", "v9"])
        expect(yield* (yield* withHistory(store, "hello", history)).before).toBe(expected)
      })
    )
  )

  it("forgets a version with its deployments, so that the one before is another", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const { before, id, versionId } = yield* withHistory(store, "hello", ["v1", "v2", "v3"])
        yield* store.deleteVersion(id, versionId("v2"))
        expect((yield* store.listVersions(id)).map(({ version }) => version)).toEqual(["v1", "v3"])
        expect((yield* store.listDeployments(id)).map(({ version }) => version)).toEqual(["v1", "v3"])
        expect(yield* before).toBe("v1")
        expect(Option.isNone(yield* store.findVersion(id, label("v2")))).toBe(true)
        const other = { functionId: id, version: label("v2"), sizeBytes: 2, sha256: "b".repeat(64) }
        expect(yield* store.addVersion(other)).toMatchObject({ created: true, record: { size_bytes: 2 } })
      })
    ))

  it("keeps the version in force, and knows whose version is whose", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const hello = yield* withHistory(store, "hello", ["v1", "v2"])
        const other = yield* withHistory(store, "other", ["v1", "v2"])
        expect(yield* Effect.flip(store.deleteVersion(hello.id, hello.versionId("v2")))).toMatchObject({
          _tag: "InvalidRequest",
          violations: [{ field: "version", value: "v2", message: expect.stringContaining("in force") }]
        })
        for (const version of [other.versionId("v1"), newVersionId()]) {
          expect(yield* Effect.flip(store.deleteVersion(hello.id, version))).toMatchObject({
            _tag: "VersionNotFound"
          })
        }
        expect(yield* Effect.flip(store.deleteVersion(newFunctionId(), hello.versionId("v1")))).toMatchObject(
          { _tag: "FunctionNotFound" }
        )
        expect(yield* store.listVersions(hello.id)).toHaveLength(2)
        expect(yield* store.listVersions(other.id)).toHaveLength(2)
      })
    ))

  it("a function without its last version is registered again", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const { id } = yield* store.registerFunction(registration("hello"))
        const added = { functionId: id, version: label("v1"), sizeBytes: 1, sha256: "a".repeat(64) }
        const { record } = yield* store.addVersion(added)
        expect(yield* store.findFunction("hello")).toMatchObject({ status: "built" })
        yield* store.deleteVersion(id, record.id)
        expect(yield* store.findFunction("hello")).toMatchObject({ status: "registered" })
      })
    ))

  it("a deleted function is found no more, keeps its versions, and gives its name free", () =>
    withStore((store) =>
      Effect.gen(function* () {
        const { id } = yield* withHistory(store, "hello", ["v1", "v2"])
        yield* store.deleteFunction(id)
        for (const key of ["hello", id]) {
          expect(yield* Effect.flip(store.findFunction(key))).toMatchObject({ _tag: "FunctionNotFound" })
        }
        expect(yield* Effect.flip(store.deleteFunction(id))).toMatchObject({ _tag: "FunctionNotFound" })
        expect(yield* store.listFunctions).toEqual([])
        expect(yield* store.listDeployed).toEqual([])
        expect(yield* store.listVersions(id)).toHaveLength(2)
        expect((yield* store.listDeployments(id)).map(({ status }) => status)).toEqual([
          "superseded",
          "superseded"
        ])

        const again = yield* withHistory(store, "hello", ["v1"])
        expect(again.id).not.toBe(id)
        expect((yield* store.listDeployed).map((one) => one.function.id)).toEqual([again.id])
        yield* store.deleteFunction(again.id)
        expect(yield* store.registerFunction(registration("hello"))).toMatchObject({ status: "registered" })
      })
    ))
})
