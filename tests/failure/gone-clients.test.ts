import { describe, expect, it } from "vitest"
import { faultScene, type RuntimeName, runtimes, type Stage } from "../support/FaultScene.ts"

/** Far beyond what a test may take: whatever answers here was not freed by a deadline. */
const DEADLINE_S = 600

const bundle = `
const self = crypto.randomUUID()
export default async (req) => {
  switch (new URL(req.url).pathname) {
    case "/spin": for (;;);
    case "/ignore": return await new Promise(() => {})
    case "/obey": return await new Promise((_, reject) => req.signal.addEventListener("abort", () => reject(req.signal.reason)))
    default: return new Response(self)
  }
}`

let serial = 0

/** Calls and hangs up as soon as a worker has it. */
const hangUp = async (
  { expectRecord, server, untilShown }: Stage,
  name: string,
  path: string,
  callers: number
): Promise<void> => {
  const controller = new AbortController()
  const ids = Array.from({ length: callers }, () => `gone-${(serial += 1)}`)
  const calls = ids.map((id) =>
    fetch(`${server.url}/functions/${name}${path}`, {
      signal: controller.signal,
      headers: { "x-invocation-id": id },
      keepalive: false
    })
  )
  await untilShown(name, ({ workers }) => workers.busy === callers)
  controller.abort()
  const ends = await Promise.allSettled(calls)
  expect(ends.map(({ status }) => status)).toEqual(calls.map(() => "rejected"))
  for (const id of ids) expectRecord(id, { outcome: "cancelled", ended_by: "caller_gone" })
}

describe("callers that hang up (R-10)", () => {
  const scene = faultScene()

  it.each(
    runtimes.flatMap((runtime) =>
      ["/spin", "/ignore"].map((path): readonly [RuntimeName, string] => [runtime, path])
    )
  )("do not keep the workers that go on: %s, %s", (runtime, path) =>
    scene.play(async (stage) => {
      const { call, serve } = stage
      const name = await serve(bundle, { runtime, timeout_seconds: DEADLINE_S, max_workers: 2 })
      const { text: before } = await call(name)
      await hangUp(stage, name, path, 2)
      // Both workers have to go for this.
      const after = await Promise.all([call(name), call(name)])
      expect(after.map(({ status }) => status)).toEqual([200, 200])
      expect(after.map(({ text }) => text)).not.toContain(before)
    })
  )

  it.each(runtimes)("cost no worker that gives up when it is told: %s", (runtime) =>
    scene.play(async (stage) => {
      const { call, serve } = stage
      const name = await serve(bundle, { runtime, timeout_seconds: DEADLINE_S, max_workers: 1 })
      const { text: before } = await call(name)
      await hangUp(stage, name, "/obey", 1)
      expect((await call(name)).text).toBe(before)
    })
  )
})
