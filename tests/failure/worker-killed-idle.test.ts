import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"
import { isAlive } from "../support/Processes.ts"

const bundle = `
export default (req) => new Response(new URL(req.url).pathname === "/pid" ? String(globalThis.process?.pid) : "well")`

describe("a worker that is killed while it has nothing to do (R-4)", () => {
  const scene = faultScene()

  it.each(runtimes)(
    "fails no invocation: the next one has a worker that says why it was started: %s",
    (runtime) =>
      scene.play(async ({ call, serve, untilLogged, workerOf }) => {
        const fn = await serve(bundle, { runtime, max_workers: 1 })
        const pid = await workerOf(fn, runtime)
        process.kill(pid, "SIGKILL")
        await untilLogged({ function: fn, level: "error" }, /^a worker of .* was ended by SIGKILL/)
        const ended = await call(fn)
        expectAnswer(ended, "well")
        expect(isAlive(pid)).toBe(false)
        const record = await untilLogged({ type: "invocation", invocation_id: ended.id })
        expect(record).toMatchObject({ cold_start: true, start_cause: "after_crash" })
      })
  )

  it.each(runtimes)("is replaced where one is kept warm, though nobody calls: %s", (runtime) =>
    scene.play(async ({ call, serve, untilLogged, untilShown, workerOf }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1, warm_workers: 1 })
      const killed = await workerOf(fn, runtime)
      const killedAt = performance.now()
      process.kill(killed, "SIGKILL")
      await untilLogged({ function: fn, level: "error" }, /^a worker of .* was ended by SIGKILL/)
      await untilShown(fn, ({ workers }) => workers.warm === 1)
      const took = performance.now() - killedAt
      console.log(`R-4 ${runtime}: from crash to refilled ${took.toFixed(1)} ms at most`)
      expectAnswer(await call(fn), "well")
      expect(isAlive(killed)).toBe(false)
    })
  )
})
