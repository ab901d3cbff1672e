import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { SimulatedClock } from "../../tests/support/SimulatedClock.ts"
import { type Deadline, DeadlineClock } from "./DeadlineClock.ts"

const RESOLUTION_MS = 10

/** Milliseconds with fractions that a sum keeps exactly. */
const instants = (min: number, max: number): fc.Arbitrary<number> =>
  fc.integer({ min: min * 64, max: max * 64 }).map((sixtyFourths) => sixtyFourths / 64)

const open = () => {
  const time = new SimulatedClock(0)
  return { time, deadlines: new DeadlineClock(time.service, RESOLUTION_MS) }
}

describe("DeadlineClock", () => {
  it("expires what is watched, never early, within its resolution, once, in order; and nothing that was forgotten", () => {
    const act = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant("watch" as const),
          inMs: instants(-5, 200)
        })
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("forget" as const), which: fc.nat(30) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant("forgetWhenDue" as const),
          inMs: fc.nat(100),
          which: fc.nat(30)
        })
      },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant("watchWhenDue" as const),
          inMs: fc.nat(100),
          again: fc.nat(50)
        })
      },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant("pass" as const),
          ms: instants(0, 80)
        })
      }
    )
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60, size: "max" }), (acts) => {
        const { deadlines, time } = open()
        const watched: Array<{ readonly deadline: Deadline; state: "watched" | "expired" | "forgotten" }> = []
        const expired: Array<number> = []
        const alive = (): number => watched.filter(({ state }) => state === "watched").length
        const watch = (at: number, then: () => void = () => {}): void => {
          const serial = watched.length
          const deadline = deadlines.watch(at, () => {
            const entry = watched[serial]
            expect(entry?.state).toBe("watched")
            if (entry !== undefined) entry.state = "expired"
            expect(time.now).toBeGreaterThanOrEqual(at)
            expired.push(at)
            then()
          })
          watched.push({ deadline, state: "watched" })
        }
        const forget = (which: number): void => {
          const entry = watched[which % Math.max(1, watched.length)]
          if (entry === undefined) return
          deadlines.forget(entry.deadline)
          if (entry.state === "watched") entry.state = "forgotten"
        }
        for (const one of acts) {
          switch (one.do) {
            case "watch":
              watch(time.now + one.inMs)
              break
            case "forget":
              forget(one.which)
              break
            case "forgetWhenDue":
              watch(time.now + one.inMs, () => forget(one.which))
              break
            case "watchWhenDue":
              watch(time.now + one.inMs, () => watch(time.now + one.again))
              break
            case "pass":
              time.advance(one.ms)
          }
          expect(deadlines.size).toBe(alive())
          expect(time.armed).toBeLessThanOrEqual(1)
          expect(alive() > 0 && time.armed === 0).toBe(false)
          const overdue = watched.filter(
            ({ deadline, state }) => state === "watched" && deadline.at + RESOLUTION_MS < time.now
          )
          expect(overdue).toEqual([])
        }
        time.advance(1_000)
        expect(alive()).toBe(0)
        // With nothing to watch there is no timer (S-12).
        expect(time.armed).toBe(0)
      }),
      { numRuns: 300 }
    )
  })

  it("calls those that come due together in the order of their instants", () => {
    const { deadlines, time } = open()
    const order: Array<number> = []
    for (const at of [19, 11, 15, 12.5, 3, 20]) deadlines.watch(at, () => order.push(at))
    time.advance(100)
    expect(order).toEqual([3, 11, 12.5, 15, 19, 20])
  })

  it("expires at once what is due already, but not from within watch", () => {
    const { deadlines, time } = open()
    time.advance(1_000)
    let expired = 0
    deadlines.watch(500, () => (expired += 1))
    expect(expired).toBe(0)
    time.advance(0)
    expect(expired).toBe(1)
  })

  it("does not expire what another expiry of the same instant forgot", () => {
    const { deadlines, time } = open()
    const expired: Array<string> = []
    const second: Array<Deadline> = []
    deadlines.watch(5, () => {
      expired.push("first")
      for (const one of second) deadlines.forget(one)
    })
    second.push(deadlines.watch(6, () => expired.push("second")))
    time.advance(100)
    expect(expired).toEqual(["first"])
    expect([deadlines.size, time.armed]).toEqual([0, 0])
  })

  it("keeps one timer for any number of deadlines, also when an earlier one comes", () => {
    const { deadlines, time } = open()
    let expired = 0
    for (const at of [500, 100, 900, 50]) deadlines.watch(at, () => (expired += 1))
    expect([time.armed, time.next]).toEqual([1, 50])
    time.advance(99)
    expect([expired, time.armed, time.next]).toEqual([1, 1, 100])
  })

  it("goes on after an expiry that threw", () => {
    const { deadlines, time } = open()
    const expired: Array<string> = []
    deadlines.watch(5, () => {
      throw new Error("an expiry's own fault")
    })
    deadlines.watch(6, () => expired.push("of the same instant"))
    deadlines.watch(50, () => expired.push("later"))
    expect(() => time.advance(20)).toThrow("an expiry's own fault")
    time.advance(100)
    expect(expired).toEqual(["of the same instant", "later"])
    expect(time.armed).toBe(0)
  })

  it("is not thrown off by a timer that fires early", () => {
    const time = new SimulatedClock(0)
    // As the engine's timers may, by a fraction of a millisecond.
    const early = {
      ...time.service,
      after: (ms: number, task: () => void) => time.service.after(ms > 1 ? ms - 0.7 : ms, task)
    }
    let expiredAt = -1
    new DeadlineClock(early, RESOLUTION_MS).watch(30, () => (expiredAt = time.now))
    for (let i = 0; i < 100; i += 1) time.advance(0.5)
    expect(expiredAt).toBeGreaterThanOrEqual(30)
  })
})
