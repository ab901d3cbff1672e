import { describe, expect, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"

const LENGTH = 3
const WAIT_MS = 1_000

/** `/hold` runs until its caller goes away. */
const bundle = `
const self = crypto.randomUUID()
export default async (req) => {
  if (new URL(req.url).pathname !== "/hold") return new Response(self)
  await new Promise((resolve) => req.signal.addEventListener("abort", resolve))
  return new Response("let go")
}`

describe("a queue that is full (R-6)", () => {
  const scene = faultScene({
    flags: ["--max-queue-length", String(LENGTH), "--max-queue-wait-seconds", String(WAIT_MS / 1000)]
  })

  it.each(runtimes)(
    "refuses at once what comes then, and after its time what waits; serves again: %s",
    (runtime) =>
      scene.play(async ({ call, expectRecord, serve, server, untilShown }) => {
        const fn = await serve(bundle, { runtime, max_workers: 1 })
        const { text: self } = await call(fn)
        const leaving = new AbortController()
        const id = `held-${runtime}`
        const held = fetch(`${server.url}/functions/${fn}/hold`, {
          signal: leaving.signal,
          headers: { "x-invocation-id": id },
          keepalive: false
        })
        await untilShown(fn, ({ workers }) => workers.busy === 1)
        const waiting = Array.from({ length: LENGTH }, () => call(fn))
        await untilShown(fn, ({ queued }) => queued === LENGTH)
        const refused = await call(fn)
        expectFailed(refused, { status: 429, code: "FN_007", cause: "queue_length" })
        expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0)
        for (const ended of await Promise.all(waiting)) {
          const expected = { status: 429, code: "FN_007", cause: "queue_time", limit_ms: WAIT_MS } as const
          expectFailed(ended, expected, WAIT_MS)
        }
        leaving.abort()
        await expect(held).rejects.toThrow("aborted")
        expectRecord(id, { outcome: "cancelled", ended_by: "caller_gone" })
        expectAnswer(await call(fn), self)
      })
  )
})
