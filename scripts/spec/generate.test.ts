import { describe, expect, it } from "vitest"
import { generate } from "./generate.ts"
import { REQUIREMENTS_FILE } from "./specification.ts"

const FILE = "spec/worker-protocol.md"
const PING = "spec/schemas/host-ping.schema.json"
const OLD = "spec/schemas/host-poem.schema.json"

const good = "### WP-001 A title\n\n> worker · 1.0\n\nA worker MUST answer.\n"
const bad = "### WP-002 A title\n\n> worker · 1.0\n\nA worker answers.\n"
const schemas = new Map([[PING, '{"title":"ping"}\n']])

const run = (files: Readonly<Record<string, string>>, mode: "write" | "draft" | "check") => {
  const { faults, remove, write } = generate(new Map(Object.entries(files)), schemas, mode)
  return { told: faults.map(({ file, message }) => `${file} ${message}`), write, remove }
}
const upToDate: Readonly<Record<string, string>> = {
  [FILE]: good,
  ...Object.fromEntries(run({ [FILE]: good }, "write").write)
}

describe("what is generated of the specification", () => {
  it("is written where it is not there, and only then", () => {
    const { told, write } = run({ [FILE]: good }, "write")
    expect(told).toEqual([])
    expect([...write.keys()]).toEqual([REQUIREMENTS_FILE, PING])
    expect(JSON.parse(write.get(REQUIREMENTS_FILE) as string)).toMatchObject({
      requirements: [{ id: "WP-001" }]
    })
    expect(write.get(PING)).toBe(schemas.get(PING))
    expect(run(upToDate, "write").write.size).toBe(0)
    expect(run(upToDate, "check")).toEqual({ told: [], write: new Map(), remove: [] })
  })

  it("is not written beside a fault, save in a draft", () => {
    expect(run({ [FILE]: good + bad }, "write").write.size).toBe(0)
    const draft = run({ [FILE]: good + bad }, "draft")
    expect(draft.told).toEqual([expect.stringContaining("WP-002: the sentence has none")])
    expect(draft.write.get(REQUIREMENTS_FILE)).toBe(upToDate[REQUIREMENTS_FILE])
  })

  it("lets ids vanish from a draft only", () => {
    const files = { ...upToDate, [FILE]: "" }
    expect(run(files, "write").told).toEqual([expect.stringContaining("WP-001 has vanished")])
    expect(run(files, "check").told).toEqual([
      expect.stringContaining("WP-001 has vanished"),
      expect.stringContaining(`${REQUIREMENTS_FILE} is not up to date`)
    ])
    expect(run(files, "draft").told).toEqual([])
  })

  it("that has drifted is told, and nothing is written by a check", () => {
    const drifted = { ...upToDate, [FILE]: `\n${good}`, [PING]: "{}\n", [OLD]: "{}\n" }
    expect(run(drifted, "check")).toEqual({
      told: [
        `${REQUIREMENTS_FILE} is not up to date; run \`npm run spec\` and commit it`,
        `${PING} is not up to date; run \`npm run spec\` and commit it`,
        `${OLD} is of no Schema in the code; run \`npm run spec\``
      ],
      write: new Map(),
      remove: []
    })
    const { remove, told, write } = run(drifted, "write")
    expect(told).toEqual([])
    expect([...write.keys()]).toEqual([REQUIREMENTS_FILE, PING])
    expect(remove).toEqual([OLD])
  })
})
