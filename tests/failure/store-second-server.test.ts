import { Effect, Layer, type Scope } from "effect"
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as DataFolder from "../../src/store/DataFolder.ts"
import { isAlive } from "../support/Processes.ts"
import { configLayer, temporaryFolder } from "../support/TemporaryData.ts"

const take = (folder: string) => Layer.build(DataFolder.layer.pipe(Layer.provide(configLayer(folder))))

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))

/** Another process that holds the folder, and a child of that process. */
const holder = (folder: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = Bun.spawn(
        [process.execPath, join(import.meta.dirname, "../support/holdDataFolder.ts"), folder],
        { stdout: "pipe", stderr: "inherit" }
      )
      const said = await server.stdout.getReader().read()
      const child = Number(new TextDecoder().decode(said.value))
      expect(child).toBeGreaterThan(1)
      return { server, child }
    }),
    ({ child, server }) =>
      Effect.promise(() => {
        server.kill("SIGKILL")
        process.kill(child, "SIGKILL")
        return server.exited
      })
  )

describe("a second server on the same data folder", () => {
  it("is refused while the first lives, with its process id, and let in after it", () =>
    run(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* take(folder)
            const refused = yield* Effect.flip(Effect.scoped(take(folder)))
            expect(refused).toMatchObject({
              _tag: "DataFolderUnusable",
              path: folder,
              reason: `another server (process ${process.pid}) is using it`,
              fix: "stop that server, or set another data_dir for this one"
            })
          })
        )
        yield* take(folder)
      })
    ))

  it("is let in when the first was killed, although a child of it lives on", () =>
    run(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const { child, server } = yield* holder(folder)
        expect(yield* Effect.flip(Effect.scoped(take(folder)))).toMatchObject({
          reason: `another server (process ${server.pid}) is using it`
        })
        server.kill("SIGKILL")
        yield* Effect.promise(() => server.exited)
        expect(isAlive(child)).toBe(true)
        yield* take(folder)
        expect(readdirSync(folder).sort()).toEqual(["bundles", "logs", DataFolder.LOCK_FILE])
      })
    ))

  it("is told about a lock file that is none", () =>
    run(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        writeFileSync(join(folder, DataFolder.LOCK_FILE), "not a database ".repeat(100))
        expect(yield* Effect.flip(Effect.scoped(take(folder)))).toMatchObject({
          _tag: "DataFolderUnusable",
          path: join(folder, DataFolder.LOCK_FILE),
          reason: "it is not a lock file of this server"
        })
      })
    ))
})
