import { chmodSync, copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { until } from "../support/Api.ts"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"
import { nativeProgram } from "../support/NativeProgram.ts"

const bundle = `export default () => new Response("well")`

describe("a worker program that is not there any more (ENOENT)", () => {
  const folder = mkdtempSync(join(tmpdir(), "bunbase-worker-"))
  const program = join(folder, "worker")
  if (existsSync(nativeProgram)) {
    copyFileSync(nativeProgram, program)
    chmodSync(program, 0o755)
  }
  // What is said first is done last.
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const scene = faultScene({ flags: ["--quickjs-worker", program, "--quickjs-fork-server", "off"] })

  it.each(runtimes.filter((runtime) => runtime === "quickjs-ng"))(
    "fails who needs one, who may come again, and nobody else; once it is back, so is the function: %s",
    (runtime) =>
      scene.play(async ({ call, serve, untilShown }) => {
        const other = await serve(bundle)
        const fn = await serve(bundle, { runtime, max_workers: 1, idle_timeout_seconds: 0.05 })
        renameSync(program, `${program}.gone`)
        await untilShown(fn, ({ workers }) => workers.warm + workers.idle + workers.draining === 0)
        const ended = await call(fn)
        expectFailed(ended, { status: 503, code: "FN_008", cause: "start" })
        expect(ended.problem?.retryable).toBe(true)
        expectAnswer(await call(other), "well")
        renameSync(`${program}.gone`, program)
        const again = await until(
          () => call(fn),
          ({ status }) => status === 200
        )
        expectAnswer(again, "well")
      })
  )
})
