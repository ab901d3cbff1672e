import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { findQuickJs } from "../../src/config/QuickJsProgram.ts"
import { builtWorker } from "./ForkedRuntime.ts"

/**
 * Tests that need the native worker. Where it is not built they are not there, and what stands in their place is no success
 * on credit: in CI it fails with the cause, at a desk it holds the set-up to having written down why it could not build one.
 */
export const describeOnQuickJs = (name: string, tests: () => void): void => {
  const program = findQuickJs(builtWorker)
  const [here, missing] = program._tag === "Found" ? [[name], []] : [[], [name]]
  describe.each(here)("%s", () => {
    tests()
  })
  const isCi = !["", "0", "false"].includes(process.env["CI"] ?? "")
  it.each(missing)("%s: the cause of the missing worker is known", () => {
    const cause = `${name}: not tested, because ${program._tag === "Missing" ? program.reason : ""}`
    process.stdout.write(`${cause}\n`)
    expect(isCi, cause).toBe(false)
    expect(existsSync(join(dirname(dirname(builtWorker)), "unavailable.json")), cause).toBe(true)
  })
}
