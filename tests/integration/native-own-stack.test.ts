import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { functionFixture, GuestProcess, nativeProgram } from "../support/GuestProcess.ts"
import { testFolder } from "../support/HardenedWorker.ts"

describe("a native worker whose process has a small stack", () => {
  const under = (kilobytes: number): string => {
    const program = join(testFolder(), "worker.sh")
    writeFileSync(program, `#!/bin/sh\nulimit -s ${kilobytes}\nexec "${nativeProgram}" "$@"\n`)
    chmodSync(program, 0o755)
    return program
  }

  test.each([
    ["/recursion", 512],
    ["/recursion-async", 512],
    ["/recursion-json", 512],
    ["/recursion", 1024]
  ])("fails a call that recurses without end, alone: %s under %i KiB", async (path, kilobytes) => {
    const guest = await GuestProcess.ready({
      runtime: "quickjs-ng",
      bundle: functionFixture("valid/exhausts.js"),
      program: under(kilobytes)
    })
    for (let round = 0; round < 2; round += 1) {
      expect(await guest.failure({ path })).toMatchObject({
        code: "HANDLER_ERROR",
        message: "Maximum call stack size exceeded"
      })
    }
    expect(await guest.response({ path: "/ok" })).toMatchObject({ text: "ok" })
    expect(guest.violations).toEqual([])
  })
})
