import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { bundleInside } from "./bundle.ts"
import { dataFolder, readDataFile } from "./dataFiles.ts"
import { expectations } from "./expectations.ts"
import { callOnce, isBuilt } from "./worker.ts"

/** How many entries one call of the function runs. */
const BATCH = 200

/**
 * Makes each entry of a data file of web-platform-tests a test, run in a QuickJS-NG worker. Where the data or the worker
 * is missing, one line says how many cases were not run; they count for nothing.
 */
export const dataSuite = (file: string): void => {
  const known = expectations.data[file] ?? {}
  const count = expectations.dataCases[file]
  const data = readDataFile(file)
  const runs = data !== null && isBuilt("quickjs-ng")
  const cases = runs ? data.cases : []
  if (!runs) {
    const why = data === null ? `there is no folder ${dataFolder}` : "the QuickJS-NG worker is not built"
    process.stdout.write(`${file}: ${count} cases were not run: ${why}\n`)
  }
  const names = cases.map(({ name }) => name)
  const isKnown = (name: string): boolean => Object.hasOwn(known, name)
  const failures = new Map<string, string | null>()

  describe(`${file} in a QuickJS-NG worker`, () => {
    let folder = ""
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "bunbase-wpt-data-"))
      const bundle = join(folder, "data.js")
      const handler = `export default async (request) => {
        const { kind, entries } = await request.json()
        return Response.json(runEntries(kind, entries))
      }`
      writeFileSync(bundle, `${await bundleInside("data")}\n${handler}\n`)
      for (let from = 0; from < cases.length; from += BATCH) {
        const batch = cases.slice(from, from + BATCH)
        const body = JSON.stringify({ kind: data?.kind, entries: batch.map(({ entry }) => entry) })
        const answer = await callOnce({ runtime: "quickjs-ng", bundle, body, timeoutMs: 50_000 })
        const told = JSON.parse(answer) as ReadonlyArray<string | null>
        batch.forEach(({ name }, index) => failures.set(name, told[index] as string | null))
      }
    })
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    test("each known deviation has a reason", () => {
      expect(Object.entries(known).filter(([, reason]) => reason.length < 20)).toEqual([])
    })
    test.each(runs ? [file] : [])("%s has the cases that are noted, and each known deviation", () => {
      expect(Object.keys(known).filter((name) => !names.includes(name))).toEqual([])
      expect(names.length).toBe(count)
    })
    test.each(names.filter((name) => !isKnown(name)))("%s", (name) => {
      expect(failures.get(name)).toBeNull()
    })
    test.each(names.filter(isKnown))("%s deviates still", (name) => {
      // where it passes: take it out of native/quickjs-ng/wpt-expectations.json
      expect(failures.get(name)).toEqual(expect.any(String))
    })
  })
}
