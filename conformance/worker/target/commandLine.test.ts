import { execFileSync } from "node:child_process"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { commandLine } from "./commandLine.ts"

const args = (command: string): ReadonlyArray<string> =>
  execFileSync("/bin/sh", ["-c", command], { encoding: "utf8" }).split("\0").slice(0, -1)

describe("a worker's command line", () => {
  it("has bundle and handler at its end, or where their placeholders are", () => {
    const bundle = { path: "/a b/f.js", handler: null }
    const named = { ...bundle, handler: "main" }
    expect(commandLine("w", null)).toBe("w")
    expect(commandLine("w", bundle)).toBe("w --bundle '/a b/f.js'")
    expect(commandLine("w", named)).toBe("w --bundle '/a b/f.js' --handler 'main'")
    expect(commandLine("w -b {bundle} -h {handler} -x", named)).toBe("w -b '/a b/f.js' -h 'main' -x")
    expect(commandLine("w -b {bundle} -h {handler}", null)).toBe("w -b '' -h ''")
    expect(commandLine("w -h {handler}", named)).toBe("w -h 'main' --bundle '/a b/f.js'")
  })

  it("hands over any path and name as they are", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary-ascii", maxLength: 20 }).filter((text) => !text.includes("\0")),
        fc.string({ unit: "grapheme", maxLength: 10 }).filter((text) => !text.includes("\0")),
        (path, handler) => {
          const command = commandLine("printf '%s\\0'", { path, handler })
          expect(args(command)).toEqual(["--bundle", path, "--handler", handler])
        }
      ),
      { numRuns: 30 }
    )
  })
})
