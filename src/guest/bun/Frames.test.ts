import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ownFrames } from "./Frames.ts"

const guest = `    at #run (${import.meta.dirname}/Invocations.ts:131:22)`
const own = "    at deep (/data/bundles/f/v1/src/fn.ts:3:35)"
const runtimes = [
  "    at run (node:async_hooks:144:29)",
  "    at map (native:1:11)",
  "    at parse (unknown)",
  "    at <parse> (:0)",
  "    at forEach ([native code])",
  "    at native",
  "    at async bun:main:7:1",
  "    at internal:streams/readable:10:3"
]
const stack = (...lines: ReadonlyArray<string>): string => lines.join("\n")

describe("a stack's own frames", () => {
  it.each(runtimes)("are without the runtime's: %s", (frame) => {
    expect(ownFrames(stack("E: m", frame, own, frame, own, guest, frame))).toBe(stack("E: m", own, own))
    expect(ownFrames(stack(frame, own))).toBe(own)
  })

  it("may be none: then the runtime's stay, and never the guest's", () => {
    expect(ownFrames(stack("E: m", guest, ...runtimes))).toBe(stack("E: m", ...runtimes))
    expect(ownFrames(stack("E: m", guest))).toBe("E: m")
  })

  it("are told apart for each of several stacks in one text", () => {
    const [first, second] = runtimes as [string, string]
    expect(ownFrames(stack("A: a", own, first, "Caused by: B: b", first, guest, "last", own, second))).toBe(
      stack("A: a", own, "Caused by: B: b", first, "last", own)
    )
  })

  it("also lie in files of odd names, and in what is called by odd names", () => {
    for (const frame of [
      "    at /srv/native/fn.ts:1:2",
      "    at async /srv/a (b)/fn.ts:1:2",
      "    at native (/srv/fn.ts:1:2)",
      "    at async Promise.all (index 0)",
      "    at f (fn.ts:1:2)"
    ]) {
      expect(ownFrames(stack("E: m", frame, runtimes[0] as string))).toBe(stack("E: m", frame))
    }
  })

  it("are all that is ever taken away or kept: the other lines of any text stay, in order", () => {
    const line = fc.oneof(
      fc.constantFrom(guest, own, ...runtimes),
      fc.string(),
      fc.constantFrom("", "Caused by: x")
    )
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const isFrame = (one: string): boolean => one.trimStart().startsWith("at ")
        const before = stack(...lines).split("\n")
        const after = ownFrames(stack(...lines)).split("\n")
        const rest = (all: ReadonlyArray<string>) =>
          all
            .filter((one) => !isFrame(one))
            .join("\n")
            .trim()
        expect(rest(after)).toBe(rest(before))
        expect(after).not.toContain(guest)
        expect(after.filter((one) => one === own)).toEqual(before.filter((one) => one === own))
      })
    )
  })
})
