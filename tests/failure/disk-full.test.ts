import { Effect, Exit, Scope } from "effect"
import { rmSync, statfsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { deploy, deployRefused } from "../support/Api.ts"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"
import { tinyFileSystem } from "../support/Mounts.ts"

const CALLS = 10

const versionOf = (text: string): string =>
  `export default () => new Response("${text}")\n//${"x".repeat(300_000)}`

describe("a data folder on a disk that is full", () => {
  const scope = Effect.runSync(Scope.make())
  const mounted = Effect.runSync(tinyFileSystem(12 * 1024).pipe(Scope.extend(scope)))
  // What is said first is done last.
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const scene = faultScene({ dataDir: join(mounted, "data"), tearsLines: true })

  it.each(runtimes)(
    "refuses deployments and serves calls; with room, all is done and no record is lost: %s",
    (runtime) =>
      scene.play(async ({ call, serve, server }) => {
        const fn = await serve(versionOf("before"), { runtime, max_workers: 1 }, 2)
        expectAnswer(await call(fn), "before")
        const { bavail, bsize } = statfsSync(mounted)
        const ballast = join(mounted, "ballast")
        writeFileSync(ballast, Buffer.alloc(bavail * bsize))
        const { code, detail } = await deployRefused(server, fn, "v2", versionOf("refused"))
        expect([code, detail]).toEqual(["FN_004", expect.stringContaining("disk is full")])
        for (let i = 0; i < CALLS; i += 1) expectAnswer(await call(fn), "before")
        rmSync(ballast)
        await deploy(server, fn, "v2", versionOf("after"))
        expectAnswer(await call(fn), "after")
      })
  )
})
