import { Database } from "bun:sqlite"
import { Cause, Chunk, Effect, Exit, Layer, type Scope } from "effect"
import { existsSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { ServerOptions } from "../../src/config/ServerConfig.ts"
import * as BundleStore from "../../src/store/BundleStore.ts"
import * as DataFolder from "../../src/store/DataFolder.ts"
import { metadataMigrations } from "../../src/store/metadataMigrations.ts"
import * as SqlMetadataStore from "../../src/store/SqlMetadataStore.ts"
import { makeReadOnly, tinyFileSystem } from "../support/Mounts.ts"
import { configLayer, temporaryFolder } from "../support/TemporaryData.ts"

/** Everything that a server opens at its start. */
const open = (folder: string, overrides: Partial<ServerOptions> = {}) =>
  Layer.build(
    Layer.mergeAll(SqlMetadataStore.layer, BundleStore.layer).pipe(
      Layer.provide(DataFolder.layer),
      Layer.provide(configLayer(folder, overrides))
    )
  )

/** The typed failure; a defect or a success fails the test. */
const refusal = (folder: string, overrides?: Partial<ServerOptions>) =>
  Effect.scoped(open(folder, overrides)).pipe(
    Effect.exit,
    Effect.map((exit) => {
      if (Exit.isSuccess(exit)) throw new Error("the data was accepted")
      const [failure] = Chunk.toReadonlyArray(Cause.failures(exit.cause))
      if (failure === undefined) throw new Error(`not a typed failure: ${Cause.pretty(exit.cause)}`)
      return failure
    })
  )

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))

describe("the data folder", () => {
  it("is created, for this user only, with the folders in it", () =>
    run(
      Effect.gen(function* () {
        const folder = join(yield* temporaryFolder, "a/b/data")
        yield* open(folder)
        for (const name of ["", "bundles", "logs"]) expect(existsSync(join(folder, name))).toBe(true)
        const { stdout } = Bun.spawnSync(["stat", "-c", "%a", folder])
        expect(stdout.toString().trim()).toBe("700")
      })
    ))

  it("where no folder can be made is refused, without the advice to make it", () =>
    run(
      Effect.gen(function* () {
        expect(yield* refusal("/proc/nope")).toMatchObject({
          _tag: "DataFolderUnusable",
          message:
            "/proc/nope cannot be used: no folder can be made there; set a path on a disk, where this user may write"
        })
      })
    ))

  it("that is a file is refused with what to do", () =>
    run(
      Effect.gen(function* () {
        const path = join(yield* temporaryFolder, "data")
        writeFileSync(path, "mine")
        const refused = yield* refusal(path)
        expect(refused).toMatchObject({
          _tag: "DataFolderUnusable",
          path,
          reason: "a file stands where a folder is needed"
        })
        expect(refused.message).toBe(
          `${path} cannot be used: a file stands where a folder is needed; move that file away, or set another data_dir`
        )
        expect(yield* refusal(join(path, "below"))).toMatchObject({ _tag: "DataFolderUnusable" })
        expect(readFileSync(path, "utf8")).toBe("mine")
      })
    ))

  it("that is read-only is refused", () =>
    run(
      Effect.gen(function* () {
        const mounted = yield* tinyFileSystem(1024)
        const folder = join(mounted, "data")
        yield* Effect.scoped(open(folder))
        yield* Effect.sync(() => makeReadOnly(mounted))
        expect(yield* refusal(folder)).toMatchObject({
          _tag: "DataFolderUnusable",
          path: folder,
          reason: "it is read-only"
        })
        expect(yield* refusal(join(mounted, "another"))).toMatchObject({ reason: "it is read-only" })
      })
    ))

  it("on a full disk is refused", () =>
    run(
      Effect.gen(function* () {
        const mounted = yield* tinyFileSystem(16)
        expect(yield* refusal(join(mounted, "data"))).toMatchObject({
          _tag: "DataFolderUnusable",
          reason: "the disk is full",
          fix: "free some space, or set another data_dir"
        })
      })
    ))

  it("that is a circle of links, or has a name too long, is refused", () =>
    run(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        symlinkSync(join(folder, "b"), join(folder, "a"))
        symlinkSync(join(folder, "a"), join(folder, "b"))
        expect(yield* refusal(join(folder, "a"))).toMatchObject({ _tag: "DataFolderUnusable" })
        expect(yield* refusal(join(folder, "x".repeat(300)))).toMatchObject({
          reason: "its name is too long"
        })
      })
    ))

  it("elsewhere for bundles or a database is held to the same", () =>
    run(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = join(folder, "file")
        writeFileSync(file, "")
        const data = join(folder, "data")
        expect(yield* refusal(data, { bundlesDir: file })).toMatchObject({ path: file })
        expect(yield* refusal(data, { metadataDb: join(file, "m.db") })).toMatchObject({ path: file })
        mkdirSync(join(folder, "m.db"))
        expect(yield* refusal(data, { metadataDb: join(folder, "m.db") })).toMatchObject({
          path: join(folder, "m.db"),
          reason: "a folder stands where a file is needed"
        })
      })
    ))
})

describe("metadata.db", () => {
  const damaged = (damage: (path: string) => void) =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.scoped(open(folder))
      const path = join(folder, "metadata.db")
      damage(path)
      return { path, refused: yield* refusal(folder) }
    })

  it.each([
    ["of garbage", (path: string) => writeFileSync(path, "garbage ".repeat(4096))],
    [
      "with a damaged page",
      (path: string) => {
        const bytes = readFileSync(path)
        bytes.fill(0xff, 4096, 4096 + 512)
        writeFileSync(path, bytes)
      }
    ],
    ["cut off", (path: string) => truncateSync(path, 5000)]
  ])("%s is refused, and left as it is", (_, damage) =>
    run(
      Effect.gen(function* () {
        const { path, refused } = yield* damaged(damage)
        expect(refused).toMatchObject({ _tag: "DataFolderUnusable", path })
        expect(refused.reason).toMatch(/^the database is damaged/)
        expect(refused.fix).toBe("put it back from a backup, or move it away to begin with an empty one")
      })
    )
  )

  it("of a newer server is refused", () =>
    run(
      Effect.gen(function* () {
        const newest = Math.max(...metadataMigrations.map(([id]) => id))
        const { refused } = yield* damaged((path) => {
          const database = new Database(path)
          database.run("INSERT INTO schema_migrations (migration_id, name) VALUES (999, 'later')")
          database.close()
        })
        expect(refused.reason).toBe(
          `it was written by a newer version of this server (schema 999, this one knows ${newest})`
        )
      })
    ))

  it("that is empty is begun anew", () =>
    run(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        writeFileSync(join(folder, "metadata.db"), "")
        yield* open(folder)
      })
    ))

  it("that another program writes to at this moment opens all the same", () =>
    run(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        yield* Effect.scoped(open(folder))
        const database = yield* Effect.acquireRelease(
          Effect.sync(() => new Database(join(folder, "metadata.db"))),
          (opened) => Effect.sync(() => opened.close())
        )
        database.run("BEGIN IMMEDIATE")
        yield* open(folder)
        database.run("ROLLBACK")
      })
    ))

  it("that another program has to itself before its schema is there is refused", () =>
    run(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const database = yield* Effect.acquireRelease(
          Effect.sync(() => new Database(join(folder, "metadata.db"))),
          (opened) => Effect.sync(() => opened.close())
        )
        database.run("BEGIN EXCLUSIVE")
        expect(yield* refusal(folder)).toMatchObject({
          reason: "another program has the database locked"
        })
      })
    ))
})
