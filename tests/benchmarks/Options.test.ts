import { describe, expect, it } from "vitest"
import { BadOptions, parseOptions } from "./Options.ts"

const known = ["S-1", "S-3", "S-4"] as const
const parse = (...args: ReadonlyArray<string>) => parseOptions(args, known)

describe("parseOptions", () => {
  it("measures everything in at least three rounds when nothing is said", () => {
    const { chosen, effort, gate, jsonFile, seed, smoke } = parse()
    expect({ chosen, gate, jsonFile, smoke }).toEqual({
      chosen: known,
      gate: false,
      jsonFile: null,
      smoke: false
    })
    expect(effort.rounds).toBeGreaterThanOrEqual(3)
    expect(effort.windowRequests).toBeGreaterThanOrEqual(10_000)
    expect(effort.coldStarts).toBeGreaterThanOrEqual(30)
    expect(effort.largeBodies).toBeGreaterThanOrEqual(20)
    expect(Number.isInteger(seed)).toBe(true)
  })

  it("takes every flag", () => {
    const options = parse(
      ...["--only", "s-4, S-3", "--gate", "--json", "out.json", "--seed", "7", "--duration", "0.5"],
      ...["--rounds", "9"]
    )
    expect(options).toMatchObject({ chosen: ["S-3", "S-4"], gate: true, jsonFile: "out.json", seed: 7 })
    expect(options.effort).toMatchObject({ windowSeconds: 0.5, rounds: 9 })
    expect(parse("--smoke").effort.rounds).toBe(1)
  })

  const refused: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
    [["--fast"], /--fast/],
    [["S-3"], /S-3/],
    [["--only", "S-3,S-99"], /S-99.*S-1, S-3, S-4/],
    [["--only", ""], /--only/],
    [["--duration", "0"], /--duration.*0\.05 to 600/],
    [["--duration", "soon"], /"soon"/],
    [["--rounds", "2"], /--rounds.*3 to 100/],
    [["--rounds", "3.5"], /whole number/],
    [["--seed", "-1"], /--seed/],
    [["--smoke", "--gate"], /--smoke/]
  ]
  for (const [args, says] of refused) {
    it(`refuses ${args.join(" ")}`, () => {
      expect(() => parse(...args)).toThrow(BadOptions)
      expect(() => parse(...args)).toThrow(says)
    })
  }
})
