import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { buildClockShim } from "../../conformance/faults/clockShim.ts"
import { until } from "../support/Api.ts"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"

const LIMIT_MS = 1_000
const HOUR_S = 3600

const bundle = `
export default async (req) => {
  if (new URL(req.url).pathname === "/never") await new Promise(() => {})
  return new Response("well")
}`

describe("a clock that jumps by an hour (R-3)", () => {
  const folder = mkdtempSync(join(tmpdir(), "bunbase-clock-"))
  const shim = buildClockShim(folder)
  // What is said first is done last.
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const scene = faultScene({ env: { LD_PRELOAD: shim.library, CONFORMANCE_CLOCK: shim.file } })

  /** Until the server's clock is so far from ours. */
  const jump = async (seconds: number): Promise<void> => {
    shim.shift(seconds)
    const clock = async (): Promise<number> => {
      const { headers } = await fetch(`${scene.server().url}/health`, { keepalive: false })
      return Date.parse(headers.get("date") ?? "")
    }
    // The date that HTTP tells is up to a second old.
    await until(clock, (told) => Math.abs(told - Date.now() - seconds * 1000) < 600_000)
  }

  it.each(runtimes)("ends no invocation early, and none late: %s", (runtime) =>
    scene.play(async ({ call, serve, untilShown }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1, timeout_seconds: LIMIT_MS / 1000 })
      for (const to of [HOUR_S, 0]) {
        const late = call(fn, "/never")
        await untilShown(fn, ({ workers }) => workers.busy === 1)
        shim.shift(to)
        const expected = { status: 504, code: "FN_002", cause: "wall_time", limit_ms: LIMIT_MS } as const
        expectFailed(await late, expected, LIMIT_MS)
        await jump(to)
        expectAnswer(await call(fn), "well")
      }
      expect((await call(fn)).status).toBe(200)
    })
  )
})
