import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { deploy, deployRefused } from "../support/Api.ts"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"

const well = `export default (req) => new Response(new URL(req.url).pathname === "/pid" ? String(process.pid) : "well")`

describe("a worker that ends before it is ready", () => {
  const scene = faultScene()

  it.each(runtimes)("is not deployed (FN_005), and the version in force goes on: %s", (runtime) =>
    scene.play(async ({ call, serve, server }) => {
      const fn = await serve(`export default () => new Response("v1")`, { runtime, max_workers: 1 }, 2)
      const throws = `throw new Error("not today"); export default () => new Response("v2")`
      const problem = await deployRefused(server, fn, "v2", throws)
      expect([problem.code, problem.detail]).toEqual(["FN_005", expect.stringContaining("not today")])
      expectAnswer(await call(fn), "v1")
    })
  )

  it("fails who waits for it, with what ended it, and is tried again for the next one", () =>
    scene.play(async ({ call, serve, server, untilLogged, workerOf }) => {
      const mark = join(server.dataDir, "crash-at-boot")
      const crashes = `import { existsSync } from "node:fs"; if (existsSync(${JSON.stringify(mark)})) process.exit(9)\n`
      const fn = await serve(crashes + well, { max_workers: 1 })
      const pid = await workerOf(fn, "bun")
      writeFileSync(mark, "")
      process.kill(pid, "SIGKILL")
      await untilLogged({ function: fn, level: "error" }, /was ended by SIGKILL/)
      const ended = await call(fn)
      expectFailed(ended, { status: ended.status, cause: "start" })
      expect(ended.problem?.code).toMatch(/^FN_00[58]$/)
      await untilLogged({ function: fn, level: "error" }, /did not start/)
      rmSync(mark)
      expectAnswer(await call(fn), "well")
    }))

  it("by a fault of its own version alone: another version is deployed as ever", () =>
    scene.play(async ({ call, serve, server }) => {
      const fn = await serve(well, { max_workers: 1 }, 2)
      expect((await deployRefused(server, fn, "v2", `process.exit(9); ${well}`)).code).toBe("FN_005")
      await deploy(server, fn, "v3", well.replace("well", "better"))
      expectAnswer(await call(fn), "better")
    }))
})
