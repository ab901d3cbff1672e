import { Database } from "bun:sqlite"
import { Effect } from "effect"
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { bundleFile, code, controlPlane, registration, runScoped, upload } from "../support/ControlPlane.ts"
import { temporaryFolder } from "../support/TemporaryData.ts"

describe("restore", () => {
  /** The data folder of a server with a deployed, a registered and a twice deployed function. */
  const lived = (folder: string) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { functions } = yield* controlPlane(folder)
        for (const name of ["one", "two", "three"]) yield* functions.register(registration({ name }))
        yield* functions.deploy("one", upload("v1"))
        yield* functions.deploy("three", upload("v1"))
        yield* functions.deploy("three", upload("v2"))
        return yield* functions.list
      })
    )

  it("makes all functions known and serves the deployed ones", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const before = yield* lived(folder)
        const { calls, functions, logs, router } = yield* controlPlane(folder)
        expect(router.resolve("one")).toMatchObject({ reason: "unknown" })
        expect(yield* functions.restore).toBe(2)
        expect(router.resolve("one")).toMatchObject({ version: "v1" })
        expect(router.resolve("two")).toMatchObject({ reason: "not_deployed" })
        expect(router.resolve("three")).toMatchObject({ version: "v2" })
        expect([...calls].sort()).toEqual(["open one@v1", "open three@v2"])
        expect(yield* functions.list).toEqual(before)
        expect(logs).toEqual([])
      })
    ))

  it("a bundle deleted behind the server's back harms only its function", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const views = yield* lived(folder)
        const one = views.find(({ name }) => name === "one")
        rmSync(bundleFile(folder, one?.function_id ?? "", "v1"))
        const { calls, functions, logs, router } = yield* controlPlane(folder)
        expect(yield* functions.restore).toBe(2)
        expect(calls).toEqual(["open three@v2"])
        expect(logs).toMatchObject([{ level: "error", functionName: "one", version: "v1" }])
        expect(router.resolve("one")).toMatchObject({ version: "v1" })
        expect(existsSync(bundleFile(folder, one?.function_id ?? "", "v1"))).toBe(false)
      })
    ))

  it("undoes what a crash left in the middle of a deployment, and leaves alone what is not its own", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const views = yield* lived(folder)
        const id = views.find(({ name }) => name === "one")?.function_id ?? ""
        const pending = (version: string, content: string) =>
          writeFileSync(join(folder, "bundles/.pending", `${id}@${version}`), content)
        const place = (version: string) => {
          mkdirSync(join(bundleFile(folder, id, version), ".."))
          writeFileSync(bundleFile(folder, id, version), code(version))
        }
        // killed after the marker, after the folder, before the marker went, and while taking over what lay there
        pending("a", "saved")
        place("b")
        pending("b", "saved")
        pending("v1", "saved")
        place("c")
        pending("c", "adopted")
        // put there by somebody for later
        place("d")

        const { functions, logs, router } = yield* controlPlane(folder)
        expect(yield* functions.restore).toBe(2)
        expect(readdirSync(join(folder, "bundles", id)).sort()).toEqual(["c", "d", "v1"])
        expect(readdirSync(join(folder, "bundles/.pending"))).toEqual([])
        expect(router.resolve("one")).toMatchObject({ version: "v1" })
        expect((yield* functions.versions("one")).map(({ version }) => version)).toEqual(["v1"])
        expect(logs.map(({ message }) => message).sort()).toEqual(
          ["a", "b", "c"].map(
            (version) => `a deployment of ${id} as ${version} was cut short and has been undone`
          )
        )
      })
    ))

  it("starts nothing for a function whose runtime this build does not have, and says so once", () =>
    runScoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        yield* lived(folder)
        const database = new Database(join(folder, "metadata.db"))
        database.run("UPDATE functions SET runtime = 'quickjs-ng' WHERE name = 'one'")
        database.close()
        const { functions, logs, router } = yield* controlPlane(folder)
        expect(yield* functions.restore).toBe(1)
        // Its callers hear why from its pool: it is deployed.
        expect(router.resolve("one")).toMatchObject({ version: "v1" })
        expect(router.resolve("three")).toMatchObject({ version: "v2" })
        expect(logs).toMatchObject([{ level: "error", functionName: "one" }])
        expect(yield* Effect.flip(functions.deploy("one", upload("v9")))).toMatchObject({
          _tag: "InvalidRequest",
          violations: [{ field: "runtime" }]
        })
      })
    ))
})
