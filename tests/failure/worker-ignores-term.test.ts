import { describe, expect, it } from "vitest"
import { deploy, until } from "../support/Api.ts"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"
import { isAlive } from "../support/Processes.ts"

const versionOf = (label: string): string => `
globalThis.process?.on?.("SIGTERM", () => {})
export default (req) => new Response(new URL(req.url).pathname === "/pid" ? String(globalThis.process?.pid) : "${label}")`

describe("a worker that does not heed SIGTERM", () => {
  const scene = faultScene({ flags: ["--kill-grace-ms", "200"] })

  it.each(runtimes)("is killed when its version is replaced: %s", (runtime) =>
    scene.play(async ({ call, serve, server, workerOf }) => {
      const fn = await serve(versionOf("v1"), { runtime, max_workers: 1 }, 2)
      const pid = await workerOf(fn, runtime)
      // Whatever it is asked now, it does not hear.
      process.kill(pid, "SIGSTOP")
      await deploy(server, fn, "v2", versionOf("v2"))
      await until(
        async () => isAlive(pid),
        (lives) => !lives
      )
      expectAnswer(await call(fn), "v2")
    })
  )

  it("is killed when its function is deleted, although it runs", () =>
    scene.play(async ({ serve, workerOf }) => {
      const fn = await serve(`setInterval(() => {}, 1000)\n${versionOf("v1")}`, { max_workers: 1 })
      // The end of the scene deletes it, and nothing may be left then.
      expect(isAlive(await workerOf(fn, "bun"))).toBe(true)
    }))
})
