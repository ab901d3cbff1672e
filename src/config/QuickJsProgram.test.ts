import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { findQuickJs } from "./QuickJsProgram.ts"

let build = ""
beforeEach(() => {
  build = mkdtempSync(join(tmpdir(), "bunbase-build-"))
  mkdirSync(join(build, "release"))
})
afterEach(() => rmSync(build, { recursive: true, force: true }))
const program = () => join(build, "release", "bunbase-quickjs")
const reason = (): string => {
  const found = findQuickJs(program())
  if (found._tag === "Found") throw new Error("it was found")
  return found.reason
}

describe("findQuickJs", () => {
  it("finds what can be run", () => {
    const ready = JSON.stringify({ id: "", type: "ready", payload: { protocol: "1.1", features: ["load"] } })
    writeFileSync(program(), `#!/bin/sh\necho '${ready}'\n`)
    expect(findQuickJs(program())._tag).toBe("Missing")
    chmodSync(program(), 0o755)
    expect(findQuickJs(program())).toEqual({ _tag: "Found", path: program() })
  })

  it.each([
    ["says nothing", "#!/bin/sh\nexit 3\n", "ended with code 3"],
    ["says something else", "#!/bin/sh\necho usage: cat FILE\n", "without a word of the worker protocol"],
    [
      "is a worker that cannot load",
      `#!/bin/sh\necho '{"id":"","type":"ready","payload":{"features":[]}}'\n`,
      "is none"
    ],
    ["cannot be run", "\u007fELF nonsense", "is none"]
  ])("does not take a program for it that %s", (_what, text, expected) => {
    writeFileSync(program(), text)
    chmodSync(program(), 0o755)
    expect(reason()).toContain(expected)
    expect(reason()).toContain("npm run setup")
  })

  it("says how to build it where nobody has tried", () => {
    expect(reason()).toContain("build it with: npm run setup")
  })

  it("says why it was not built, and what to do", () => {
    const cause = {
      reason: "there is no C compiler.",
      what_to_do: ["Install gcc.", "Then run it again."],
      missing: []
    }
    writeFileSync(join(build, "unavailable.json"), JSON.stringify(cause))
    expect(reason()).toBe(
      "this installation has no QuickJS-NG worker, because it could not be built: there is no C compiler. Install gcc. Then run it again. Or use bun."
    )
  })

  it("takes a cause that cannot be read for none", () => {
    for (const text of ["", "{", "[]", "{}", '{"reason":1}', '{"reason":""}']) {
      writeFileSync(join(build, "unavailable.json"), text)
      expect([text, reason().includes("npm run setup")]).toEqual([text, true])
    }
  })
})
