import { spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import { plainPath } from "../support/Cli.ts"

/**
 * What `npm test` says and exits with, whatever vitest did: `scripts/test.mjs` in a folder of its own, with a vitest that
 * leaves the result that a test wants.
 */

const scripts = fileURLToPath(new URL("../../scripts", import.meta.url))
let folder = ""
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface Result {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests?: number
  readonly numTodoTests?: number
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string }>
  }>
}
const result = (counts: Partial<Result>): Result => ({
  numPassedTests: 0,
  numFailedTests: 0,
  testResults: [],
  ...counts
})

/** Runs `node scripts/test.mjs` over one file of unit tests; `vitest` is what it does, as a line of shell. */
const run = async ({
  args = [],
  env = {},
  suites = ["unit"],
  vitest
}: {
  readonly suites?: ReadonlyArray<string>
  readonly vitest: { readonly leaves?: Result; readonly does?: string }
  readonly env?: Readonly<Record<string, string>>
  readonly args?: ReadonlyArray<string>
}): Promise<{ readonly code: number | null; readonly out: string; readonly last: string }> => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-test-script-"))
  cpSync(scripts, join(folder, "scripts"), { recursive: true })
  mkdirSync(join(folder, "src"))
  writeFileSync(join(folder, "src", "some.test.ts"), "")
  const bin = join(folder, "node_modules", "bun", "bin")
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(folder, "result.json"), JSON.stringify(vitest.leaves ?? null))
  const leave = `for arg; do case $arg in --outputFile.json=*) cp "${folder}/result.json" "\${arg#*=}";; esac; done`
  const lines = ["#!/bin/sh", ...(vitest.leaves === undefined ? [] : [leave]), vitest.does ?? "exit 0"]
  writeFileSync(join(bin, "bun.exe"), `${lines.join("\n")}\n`, { mode: 0o755 })

  const child = spawn("node", ["scripts/test.mjs", ...suites, ...args], {
    cwd: folder,
    env: { PATH: plainPath, FC_SEED: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let out = ""
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (out += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve))
  return { code, out, last: out.trimEnd().split("\n").at(-1) ?? "" }
}

describe("npm test", () => {
  it("is green when everything passed", async () => {
    const { code, last } = await run({ vitest: { leaves: result({ numPassedTests: 3 }) } })
    expect([code, last]).toEqual([0, "3 passed, 0 failed"])
  })

  it("is red when one failed, and says how to repeat the run", async () => {
    const leaves = result({ numPassedTests: 2, numFailedTests: 1 })
    const { code, last, out } = await run({ vitest: { leaves, does: "exit 1" } })
    expect([code, last]).toEqual([1, "2 passed, 1 failed"])
    expect(out).toContain("FC_SEED=1")
  })

  it("is red when a file could not be run, and names it", async () => {
    const testResults = [{ name: "src/some.test.ts", status: "failed", assertionResults: [] }]
    const { code, last, out } = await run({
      vitest: { leaves: result({ numPassedTests: 2, testResults }), does: "exit 1" }
    })
    expect([code, last]).toEqual([1, "2 passed, 1 failed"])
    expect(out).toContain("some.test.ts could not be run")
  })

  it.each([
    ["left no result", { does: "exit 0" }, "left no result"],
    ["was killed", { does: "kill -KILL $$" }, "SIGKILL"],
    [
      "ended badly though no test failed",
      { leaves: result({ numPassedTests: 1 }), does: "exit 7" },
      "status 7"
    ],
    ["ran nothing", { leaves: result({}) }, "no test that ran"]
  ])("is red when vitest %s", async (_, vitest, why) => {
    const { code, last, out } = await run({ vitest })
    expect([code, last.endsWith(", 1 failed")]).toEqual([1, true])
    expect(out).toContain(why)
  })

  it("is red when a suite takes too long, and ends it", async () => {
    const { code, out } = await run({ vitest: { does: "exec sleep 60" }, env: { SUITE_MINUTES: "0.005" } })
    expect(code).toBe(1)
    expect(out).toContain("ended after 0.005 minutes")
  })
})

describe("a suite without files", () => {
  const vitest = { leaves: result({ numPassedTests: 3 }) }

  it("counts for nothing beside others", async () => {
    const { code, last, out } = await run({ vitest, suites: ["unit", "failure", "conformance"] })
    expect([code, last]).toEqual([0, "3 passed, 0 failed"])
    expect(out).toMatch(/^failure +0 +0 +0 +no test files$/m)
    expect(out).toMatch(/^conformance +0 +0 +0 +no test files$/m)
  })

  it("is no success by itself", async () => {
    const { code, last, out } = await run({ vitest, suites: ["failure"] })
    expect([code, last]).toEqual([1, "0 passed, 0 failed"])
    expect(out).toContain("no test ran")
  })
})

describe("skipped tests", () => {
  const leaves = result({ numPassedTests: 3, numPendingTests: 1, numTodoTests: 1 })

  it("are told, at a desk", async () => {
    const { code, last, out } = await run({ vitest: { leaves } })
    expect([code, last]).toEqual([0, "3 passed, 0 failed"])
    expect(out).toContain("2 skipped: they prove nothing")
  })

  it.each(["true", "1"])("count as failed in CI (CI=%s)", async (CI) => {
    const { code, last, out } = await run({ vitest: { leaves }, env: { CI } })
    expect([code, last]).toEqual([1, "3 passed, 2 failed"])
    expect(out).toContain("2 skipped: counted as failed")
  })

  it.each(["", "0", "false"])("do not where CI says no (CI=%s)", async (CI) => {
    expect((await run({ vitest: { leaves }, env: { CI } })).code).toBe(0)
  })

  it("do not where a filter leaves tests out", async () => {
    const { code, last } = await run({ vitest: { leaves }, env: { CI: "true" }, args: ["-t", "some"] })
    expect([code, last]).toEqual([0, "3 passed, 0 failed"])
  })
})
