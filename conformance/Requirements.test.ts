import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { loadRequirements } from "./Requirements.ts"
import { requirement } from "./testing/fakes.ts"

let folder = ""
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "requirements-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const load = async (text: string) => {
  await writeFile(join(folder, "requirements.json"), text)
  return await loadRequirements(join(folder, "requirements.json"))
}

describe("the specification's requirements", () => {
  it("are read from spec/, by id", async () => {
    const known = await loadRequirements()
    expect(known.size).toBeGreaterThan(0)
    for (const [id, { text, level }] of known) {
      expect(id).toMatch(/^[A-Z]{2}-\d{3}$/)
      expect(text).toContain(level)
    }
  })

  it.each([
    ["cut off", '{"requirements": [', /requirements\.json: /],
    [
      "of another form",
      '{"requirements": [{"id": "WP-001", "level": "WILL"}]}',
      /requirements\.0\.title: title is missing/
    ],
    [
      "twice",
      JSON.stringify({ requirements: [requirement("WP-001"), requirement("WP-001")] }),
      /WP-001 is there twice/
    ]
  ])("are refused %s", async (_, text, message) => {
    await expect(load(text)).rejects.toThrow(message)
  })

  it("are refused where the file is away", async () => {
    await expect(loadRequirements(join(folder, "none.json"))).rejects.toMatchObject({
      name: "SpecificationUnreadable",
      message: expect.stringContaining("ENOENT")
    })
  })
})
