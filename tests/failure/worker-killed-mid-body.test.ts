import { describe, expect, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"
import { isAlive } from "../support/Processes.ts"

const bundle = `
export default async (req) => {
  if (new URL(req.url).pathname === "/pid") return new Response(String(globalThis.process?.pid))
  return new Response(String((await req.arrayBuffer()).byteLength))
}`

/** Far more than a socket or a pipe holds: a part of it is still with the server. */
const BODY = new Uint8Array(8 * 1024 * 1024)

describe("a worker that is killed in the middle of a body (R-4)", () => {
  const scene = faultScene()

  it.each(runtimes)("its invocation fails, and the next body is taken whole: %s", (runtime) =>
    scene.play(async ({ call, serve, untilShown, workerOf }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const pid = await workerOf(fn, runtime)
      // It reads nothing any more.
      process.kill(pid, "SIGSTOP")
      const sending = call(fn, "/", { method: "POST", body: BODY })
      await untilShown(fn, ({ workers }) => workers.busy === 1)
      process.kill(pid, "SIGKILL")
      expectFailed(await sending, { status: 502, code: "FN_004", cause: "signal", signal: "SIGKILL" })
      expectAnswer(await call(fn, "/", { method: "POST", body: BODY }), String(BODY.length))
      expect(isAlive(pid)).toBe(false)
    })
  )
})
