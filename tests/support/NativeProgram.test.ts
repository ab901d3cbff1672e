import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test, vi } from "vitest"
import { missingCause, needNativeProgram, runsNative } from "./NativeProgram.ts"
import { patience } from "./patience.ts"

/** A folder where the worker could not be built. */
const without = (cause: boolean): readonly [program: string, causeFile: string] => {
  const folder = mkdtempSync(join(tmpdir(), "bunbase-native-program-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const causeFile = join(folder, "unavailable.json")
  const said = { reason: "make is not there.", what_to_do: ["As root: apt-get install make"] }
  if (cause) writeFileSync(causeFile, JSON.stringify(said))
  return [join(folder, "worker"), causeFile]
}

test("a worker that is there is run, in CI and elsewhere", () => {
  const [program, causeFile] = without(true)
  writeFileSync(program, "")
  expect(missingCause(program, causeFile)).toBeNull()
  expect([true, false].map((ci) => runsNative(ci, program, causeFile))).toEqual([true, true])
  expect(() => needNativeProgram(program, causeFile)).not.toThrow()
})

test("without a worker, cases fail in CI with the cause, and elsewhere the cause is told", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {})
  const where = without(true)
  expect(runsNative(true, ...where)).toBe(true)
  expect(() => needNativeProgram(...where)).toThrow(
    /no worker of quickjs-ng .*: make is not there\.\n {2}As root: apt-get install make/
  )
  expect(warn).not.toHaveBeenCalled()
  expect(runsNative(false, ...where)).toBe(false)
  expect(warn).toHaveBeenCalledWith(expect.stringContaining("make is not there."))
})

test("a worker that nobody has built yet is to be built", () => {
  expect(missingCause(...without(false))).toContain("`node scripts/native.mjs` builds it")
})

test("only the build that collects garbage all the time is waited for longer", () => {
  expect(patience({})).toBe(1)
  expect(patience({ QUICKJS_WORKER: "/x/build/asan/bunbase-quickjs" })).toBe(1)
  expect(patience({ QUICKJS_WORKER: "/x/build/gc-stress/bunbase-quickjs" })).toBeGreaterThan(1)
})
