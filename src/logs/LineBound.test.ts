import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { SimulatedClock } from "../../tests/support/SimulatedClock.ts"
import { LineBound } from "./LineBound.ts"

const WINDOW_MS = 1_000

interface Heard {
  readonly at: number
  readonly kind: string
  /** -1: a line; else how many were left out. */
  readonly leftOut: number
}

const listen = (lines: number) => {
  const clock = new SimulatedClock()
  const heard: Array<Heard> = []
  const bound = new LineBound<string>(clock.service, { lines, windowMs: WINDOW_MS }, (leftOut, kind) => {
    heard.push({ at: clock.now, kind, leftOut })
  })
  const say = (kind: string): void => {
    if (bound.admits(kind, kind)) heard.push({ at: clock.now, kind, leftOut: -1 })
  }
  return { clock, heard, bound, say }
}

describe("a bound of lines", () => {
  it("says the first, and how many it left out once the window is over, though nothing follows", () => {
    const { bound, clock, heard, say } = listen(2)
    const start = clock.now
    for (let i = 0; i < 5; i += 1) say("a")
    say("b")
    clock.advance(WINDOW_MS - 1)
    expect(heard.map(({ kind, leftOut }) => [kind, leftOut])).toEqual([
      ["a", -1],
      ["a", -1],
      ["b", -1]
    ])
    clock.advance(1)
    expect(heard.slice(3)).toEqual([{ at: start + WINDOW_MS, kind: "a", leftOut: 3 }])
    say("a")
    expect(heard.at(-1)).toMatchObject({ kind: "a", leftOut: -1 })
    expect(bound.open).toBe(1)
  })

  it("counts bytes too where it is told to", () => {
    const clock = new SimulatedClock()
    const told: Array<number> = []
    const bounds = { lines: 10, bytes: 100, windowMs: WINDOW_MS }
    const bound = new LineBound<null>(clock.service, bounds, (leftOut) => told.push(leftOut))
    expect([60, 40, 1, 1].map((bytes) => bound.admits("a", null, bytes))).toEqual([true, true, false, false])
    clock.advance(WINDOW_MS)
    expect(told).toEqual([2])
    expect([101, 0].map((bytes) => bound.admits("a", null, bytes))).toEqual([false, false])
  })

  it("tells what it left out when it is closed, and nothing afterwards", () => {
    const { bound, clock, heard, say } = listen(1)
    say("a")
    say("a")
    bound.close()
    expect(heard.at(-1)).toMatchObject({ kind: "a", leftOut: 1 })
    expect(clock.armed).toBe(0)
    clock.advance(WINDOW_MS * 2)
    expect(heard).toHaveLength(2)
  })

  it("loses no line and says no more than it may, in any history, and holds nothing once all is over", () => {
    const happening = fc.record({
      kind: fc.constantFrom("a", "b", "c"),
      wait: fc.oneof(fc.constant(0), fc.nat(1_500))
    })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(happening, { maxLength: 80 }),
        (lines, history) => {
          const { bound, clock, heard, say } = listen(lines)
          for (const { kind, wait } of history) {
            clock.advance(wait)
            say(kind)
          }
          clock.advance(WINDOW_MS)
          expect([bound.open, clock.armed]).toEqual([0, 0])
          for (const kind of ["a", "b", "c"]) {
            const mine = heard.filter((one) => one.kind === kind)
            const said = mine.filter(({ leftOut }) => leftOut === -1)
            const leftOut = mine.reduce((sum, one) => sum + Math.max(0, one.leftOut), 0)
            expect(said.length + leftOut).toBe(history.filter((one) => one.kind === kind).length)
            // Two windows may touch: no stretch as long as one of them ever has more than two windows' lines.
            for (const { at } of said) {
              const near = said.filter((other) => other.at >= at && other.at < at + WINDOW_MS)
              expect(near.length).toBeLessThanOrEqual(2 * lines)
            }
          }
        }
      )
    )
  })
})
