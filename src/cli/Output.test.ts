import { describe, expect, it } from "vitest"
import { showBytes, showInstant, showMillis, table } from "./Output.ts"

describe("Output", () => {
  it("aligns columns by what they show", () => {
    expect(
      table(
        ["A", "BB"],
        [
          ["é", "1"],
          ["日本", ""],
          ["long", "22"]
        ]
      )
    ).toBe("A     BB\né     1\n日本\nlong  22\n")
  })

  it("writes sizes, spans and instants for people", () => {
    expect([0, 999, 1000, 2149, 999_949, 999_950, 10_485_760].map(showBytes)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "2.1 kB",
      "999.9 kB",
      "1.0 MB",
      "10.5 MB"
    ])
    expect([0, 12.4, 999.4, 999.6, 2140].map(showMillis)).toEqual([
      "0 ms",
      "12 ms",
      "999 ms",
      "1.0 s",
      "2.1 s"
    ])
    expect(showInstant("2026-01-28T09:30:12.345Z")).toBe("2026-01-28 09:30Z")
    expect(showInstant("soon")).toBe("soon")
  })
})
