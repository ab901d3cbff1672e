import { Database } from "bun:sqlite"
import { Effect, Fiber, TestClock, TestContext } from "effect"
import { readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { bundleFiles, controlPlane, registration, runScoped, upload } from "../support/ControlPlane.ts"
import { makeReadOnly, tinyFileSystem } from "../support/Mounts.ts"
import { temporaryFolder } from "../support/TemporaryData.ts"

const large = (version: string) => upload(version, "x".repeat(400_000))

describe("while the server runs", () => {
  it("a full disk refuses deployments, typed, and harms nothing; with space they go through", () =>
    runScoped(
      Effect.gen(function* () {
        const mounted = yield* tinyFileSystem(1024)
        const folder = join(mounted, "data")
        const { functions, router } = yield* controlPlane(folder)
        yield* functions.register(registration({ name: "hello" }))
        yield* functions.deploy("hello", upload("v1"))
        const free = () => statfsSync(mounted).bavail * statfsSync(mounted).bsize
        writeFileSync(join(mounted, "ballast"), Buffer.alloc(free() - 200_000))

        const refused = yield* Effect.flip(functions.deploy("hello", large("v2")))
        expect(refused).toMatchObject({
          _tag: "StorageFailed",
          operation: "store the bundle",
          reason: "the disk is full"
        })
        expect(router.resolve("hello")).toMatchObject({ version: "v1" })
        expect(yield* functions.get("hello")).toMatchObject({ active_version: "v1" })
        expect(bundleFiles(folder)).toHaveLength(1)
        expect(readdirSync(join(folder, "bundles/.incoming"))).toEqual([])
        expect(readdirSync(join(folder, "bundles/.pending"))).toEqual([])

        rmSync(join(mounted, "ballast"))
        yield* functions.deploy("hello", large("v2"))
        expect(router.resolve("hello")).toMatchObject({ version: "v2" })
      })
    ))

  it("a disk without a byte left fails every write, typed, and the database is whole afterwards", () =>
    runScoped(
      Effect.gen(function* () {
        const mounted = yield* tinyFileSystem(1024)
        const folder = join(mounted, "data")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { functions } = yield* controlPlane(folder)
            yield* functions.register(registration({ name: "hello" }))
            yield* functions.deploy("hello", upload("v1"))
            fillUp(mounted)
            const failures = new Set<string>()
            // The log has room for some commits before it has to grow.
            for (let n = 0; n < 200 && failures.size === 0; n++) {
              const result = yield* Effect.either(functions.register(registration({ name: `more-${n}` })))
              if (result._tag === "Left") failures.add(result.left.message)
            }
            expect([...failures]).toEqual(["the service could not register the function: the disk is full"])
            expect(yield* functions.get("hello")).toMatchObject({ active_version: "v1" })
            rmSync(join(mounted, "ballast"))
            yield* functions.register(registration({ name: "later" }))
          })
        )
        const { functions } = yield* controlPlane(folder)
        const names = (yield* functions.list).map(({ name }) => name)
        expect(names).toContain("hello")
        expect(names).toContain("later")
      })
    ))

  it("a bundle folder that turns read-only refuses deployments, typed", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const bundles = yield* tinyFileSystem(1024)
        const { functions, router } = yield* controlPlane(folder, { bundlesDir: bundles })
        yield* functions.register(registration({ name: "hello" }))
        yield* functions.deploy("hello", upload("v1"))
        yield* Effect.sync(() => makeReadOnly(bundles))
        expect(yield* Effect.flip(functions.deploy("hello", upload("v2")))).toMatchObject({
          _tag: "StorageFailed",
          operation: "store the bundle",
          reason: "it is read-only"
        })
        expect(router.resolve("hello")).toMatchObject({ version: "v1" })
        expect(yield* functions.versions("hello")).toHaveLength(1)
        // What is stored can still be put in force.
        yield* functions.deploy("hello", upload("v1"))
      })
    ))

  const locked = (folder: string) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const database = new Database(join(folder, "metadata.db"))
        database.run("BEGIN IMMEDIATE")
        return database
      }),
      (database) => Effect.sync(() => database.close())
    )

  it("another program's lock is waited for", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const { functions } = yield* controlPlane(folder)
        const database = yield* locked(folder)
        const registering = yield* Effect.fork(functions.register(registration({ name: "hello" })))
        // Reads are not kept out.
        expect(yield* functions.list).toEqual([])
        expect(registering.unsafePoll()).toBeNull()
        database.run("COMMIT")
        expect(yield* Fiber.join(registering)).toMatchObject({ name: "hello" })
      })
    ))

  it("another program's lock that does not end is reported after five seconds", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const { functions } = yield* controlPlane(folder)
        yield* locked(folder)
        const registering = yield* Effect.fork(
          Effect.flip(functions.register(registration({ name: "hello" })))
        )
        yield* TestClock.adjust("4 seconds")
        expect(registering.unsafePoll()).toBeNull()
        yield* TestClock.adjust("2 seconds")
        expect(yield* Fiber.join(registering)).toMatchObject({
          _tag: "StorageFailed",
          operation: "register the function",
          reason: "another program has the database locked"
        })
      }).pipe(Effect.provide(TestContext.TestContext))
    ))
})

/** Until not a byte more goes in. */
const fillUp = (mounted: string) => {
  const { bavail, bsize } = statfsSync(mounted)
  writeFileSync(join(mounted, "ballast"), Buffer.alloc(bavail * bsize))
  expect(statfsSync(mounted).bavail).toBe(0)
}
