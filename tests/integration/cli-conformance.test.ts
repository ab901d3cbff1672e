import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { GUEST_FLAGS } from "../../src/guest/bun/flags.ts"
import { cli, newFolder } from "../support/Cli.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))

let folder: ReturnType<typeof newFolder>
beforeEach(() => {
  folder = newFolder()
})
afterEach(() => folder.remove())

describe("bunbase conformance", () => {
  it("has its own help, by each way to ask for it", async () => {
    const [plain, flag, word] = await Promise.all([
      cli(["conformance"]),
      cli(["conformance", "--help"]),
      cli(["help", "conformance"])
    ])
    expect([plain.code, flag.code, word.code]).toEqual([2, 0, 0])
    expect(flag.stdout).toContain("bunbase conformance COMMAND [flags]")
    expect([plain.stderr, word.stdout]).toEqual([flag.stdout, flag.stdout])
  })

  it("ends with 2 where flags or case files are wrong, and says where", async () => {
    const flags = await cli(["conformance", "worker", "--cdm", "x"])
    expect(flags.code).toBe(2)
    expect(flags.stderr).toContain("has no flag --cdm; did you mean --cmd?")

    const file = join(folder.path, "mine.yaml")
    writeFileSync(
      file,
      "area: mine\ncases:\n  - id: a\n    titel: A\n    requirements: [WP-999]\n    steps: [{ fly: 1 }]\n"
    )
    const cases = await cli(["conformance", "worker", "--cmd", "exit 7", "--cases", file])
    expect(cases.code).toBe(2)
    for (const line of [
      `${file}:3:5: title is missing`,
      `${file}:4:5: unknown key titel; did you mean title?`,
      `${file}:5:20: there is no requirement WP-999 in the specification`,
      `${file}:6:15: there is no step fly`
    ]) {
      expect(cases.stderr).toContain(line)
    }
  })

  it("ends with 3 where the worker dies at once", async () => {
    const { code, stderr, stdout } = await cli(["conformance", "worker", "--cmd", "exit 7"])
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" })
    expect(stderr).toContain("7")
    expect(stderr).toContain("target: exit 7")
  })

  it("runs the case that the guide shows, and writes the report", async () => {
    const guide = readFileSync(join(root, "docs", "conformance.md"), "utf8")
    const [, yaml = ""] = /```yaml\n(area: [^]*?)```/.exec(guide) ?? []
    const [file, json] = [join(folder.path, "mine.yaml"), join(folder.path, "mine.json")]
    writeFileSync(file, yaml)
    const cmd = `${process.execPath} --no-env-file ${join(root, "src", "guest", "bun", "main.ts")}`
    const { code, stderr, stdout } = await cli([
      ...["conformance", "worker", "--cmd", cmd, "--runtime", "bun"],
      ...["--cases", file, "--id", "worker/mine/*", "--json", json]
    ])
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) })
    expect(stdout).toContain("cases: 1 passed, 0 failed")
    expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject({
      cases: [{ id: "worker/mine/answers-once", verdict: { _tag: "Passed" } }],
      requirements: [
        { id: "WP-090", status: "passed" },
        { id: "WP-091", status: "passed" }
      ]
    })
  })

  it("lists the specification's requirements with the cases of both suites", async () => {
    const { code, stdout } = await cli(["conformance", "list"])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ {2}WP-\d{3} {2}MUST /m)
    expect(stdout).toMatch(/^ {6}worker\/[a-z0-9/-]+ {2}conformance\/worker\//m)
    expect(stdout).toMatch(/^ {6}server\/[a-z0-9/-]+ {2}conformance\/server\//m)
  })
})

describe("npm run conformance", () => {
  it("starts the Bun worker as the server does", () => {
    const script = readFileSync(join(root, "scripts", "conformance.mjs"), "utf8")
    expect(script).toContain(` ${GUEST_FLAGS.join(" ")} src/guest/bun/main.ts`)
  })
})
