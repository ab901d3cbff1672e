import { Database } from "bun:sqlite"
import { Context, Effect, Layer } from "effect"
import { existsSync, statSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { VersionLabel } from "../../src/domain/Ids.ts"
import * as DataFolder from "../../src/store/DataFolder.ts"
import { MetadataStore } from "../../src/store/MetadataStore.ts"
import * as SqlMetadataStore from "../../src/store/SqlMetadataStore.ts"
import { registration, runScoped } from "../support/ControlPlane.ts"
import { configLayer, temporaryFolder } from "../support/TemporaryData.ts"

const open = (folder: string) =>
  Layer.build(
    SqlMetadataStore.layer.pipe(Layer.provide(DataFolder.layer), Layer.provide(configLayer(folder)))
  )
const label = (text: string) => VersionLabel.make(text)
const sha = (digit: string) => digit.repeat(64)

describe("metadata.db", () => {
  const deployed = (folder: string) =>
    Effect.gen(function* () {
      const store = Context.get(yield* open(folder), MetadataStore)
      const { id } = yield* store.registerFunction(registration({ name: "hello-world", env: { KEY: "v" } }))
      const { record } = yield* store.addVersion({
        functionId: id,
        version: label("v1"),
        sizeBytes: 1,
        sha256: sha("1")
      })
      yield* store.activate(id, record.id)
      return yield* store.listDeployed
    })

  it("is there after a restart, exactly", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const before = yield* Effect.scoped(deployed(folder))
        const after = yield* Effect.flatMap(
          open(folder),
          (context) => Context.get(context, MetadataStore).listDeployed
        )
        expect(after).toEqual(before)
        expect(after).toHaveLength(1)
      })
    ))

  it("moves with its data folder", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        yield* Effect.scoped(deployed(folder))
        const store = Context.get(
          yield* Layer.build(
            SqlMetadataStore.layer.pipe(
              Layer.provide(DataFolder.layer),
              Layer.provide(configLayer(folder, { bundlesDir: join(folder, "elsewhere") }))
            )
          ),
          MetadataStore
        )
        const [found] = yield* store.listDeployed
        expect(found?.version.bundle_path.startsWith(join(folder, "elsewhere", "func-"))).toBe(true)
      })
    ))

  it("answers the guide's own query, also while the server runs", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        yield* deployed(folder)
        const database = yield* Effect.acquireRelease(
          Effect.sync(() => new Database(join(folder, "metadata.db"), { readonly: true })),
          (open) => Effect.sync(() => open.close())
        )
        expect(
          database.query("SELECT name, runtime, status FROM functions WHERE name = 'hello-world'").all()
        ).toEqual([{ name: "hello-world", runtime: "bun", status: "deployed" }])
        expect(database.query("SELECT key, value, is_secret FROM function_env").all()).toEqual([
          { key: "KEY", value: "v", is_secret: 0 }
        ])
        expect(database.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" })
      })
    ))

  it("is for this user only, and leaves no companions when closed", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const modes = yield* Effect.scoped(
          Effect.map(deployed(folder), () =>
            ["metadata.db", "metadata.db-wal", "metadata.db-shm"].map(
              (name) => statSync(join(folder, name)).mode & 0o777
            )
          )
        )
        expect(modes).toEqual([0o600, 0o600, 0o600])
        expect(existsSync(join(folder, "metadata.db-wal"))).toBe(false)
      })
    ))
})

describe("a row that somebody changed", () => {
  it("is a typed failure, and harms no other", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const store = Context.get(yield* open(folder), MetadataStore)
        const good = yield* store.registerFunction(registration({ name: "good" }))
        const bad = yield* store.registerFunction(registration({ name: "bad" }))
        yield* Effect.acquireUseRelease(
          Effect.sync(() => new Database(join(folder, "metadata.db"))),
          (database) =>
            Effect.sync(() => database.run("UPDATE functions SET memory_mb = 'lots' WHERE id = ?", [bad.id])),
          (database) => Effect.sync(() => database.close())
        )
        expect(yield* Effect.flip(store.findFunction("bad"))).toMatchObject({
          _tag: "StorageFailed",
          operation: "read the functions",
          reason: expect.stringMatching(`^a row \\(${bad.id}\\) is damaged at memory_mb: `)
        })
        expect(yield* store.findFunction("good")).toEqual(good)
      })
    ))
})
