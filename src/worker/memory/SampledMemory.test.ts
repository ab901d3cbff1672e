import { describe, expect, it } from "vitest"
import { SimulatedClock } from "../../../tests/support/SimulatedClock.ts"
import { MiB } from "./MemoryLimits.ts"
import { LONGEST_LOOK_MS, SampledMemory, SHORTEST_LOOK_MS } from "./SampledMemory.ts"
import { IDLE_LOOK_MS } from "./Watch.ts"

/** A worker whose memory a test sets; `limitMb` is its limit. */
const worker = (limitMb = 64) => {
  const clock = new SimulatedClock()
  const state = { usedMb: 6 as number | null, busy: true, gone: false, descendants: false }
  const looks: Array<number> = []
  const killed: Array<string> = []
  const held = new SampledMemory(
    {
      pid: 100,
      name: "w1-1",
      kill: () => killed.push("worker"),
      isGone: () => state.gone,
      say: () => {}
    },
    clock.service,
    {
      get hasDescendants() {
        return state.descendants
      },
      read: (now) => {
        looks.push(now)
        return state.usedMb === null ? null : state.usedMb * MiB
      },
      killDescendants: () => killed.push("descendants")
    }
  )
  held.occupiedWhile(() => state.busy)
  return { clock, held, killed, looks, state, limit: () => held.limitTo(limitMb) }
}

describe("a worker that is looked at", () => {
  it("is not looked at before it has a limit", () => {
    const { clock, held, looks } = worker()
    held.stir()
    clock.advance(10_000)
    expect(looks).toEqual([])
  })

  it("is ended as soon as it is seen beyond its limit, and its end names what it had", () => {
    const { clock, held, killed, limit, state } = worker(64)
    limit()
    state.usedMb = 64
    clock.advance(100)
    expect(killed).toEqual([])
    expect(held.end()).toBeNull()
    state.usedMb = 70.26
    clock.advance(SHORTEST_LOOK_MS)
    expect(killed).toEqual(["worker", "descendants"])
    expect(held.end()).toEqual({ _tag: "Limit", reading: { by: "sampling", usedMb: 70.3, peakMb: 70.3 } })
    expect(clock.armed).toBe(0)
  })

  it("is looked at more often the nearer it is to its limit", () => {
    const { clock, limit, looks, state } = worker(64)
    limit()
    const between = (usedMb: number): number => {
      state.usedMb = usedMb
      clock.advance(LONGEST_LOOK_MS)
      const from = looks.length
      clock.advance(1_000)
      return 1_000 / (looks.length - from)
    }
    expect(between(6)).toBeCloseTo(29, 0)
    expect(between(44)).toBeCloseTo(10, 0)
    expect(between(63)).toBeCloseTo(SHORTEST_LOOK_MS, 0)
    const far = worker(4096)
    far.limit()
    far.clock.advance(1_000)
    expect(far.looks).toHaveLength(1 + Math.floor((1_000 - SHORTEST_LOOK_MS) / LONGEST_LOOK_MS))
  })

  it("is looked at seldom while it has no work, and often again at once when it gets some", () => {
    const { clock, held, killed, limit, looks, state } = worker(64)
    limit()
    clock.advance(100)
    state.busy = false
    clock.advance(100)
    const from = looks.length
    clock.advance(10 * IDLE_LOOK_MS)
    expect(looks.length - from).toBe(10)
    state.busy = true
    state.usedMb = 80
    held.stir()
    clock.advance(LONGEST_LOOK_MS)
    expect(killed).toContain("worker")
  })

  it("is looked at often when its work is always over by the time of a look", () => {
    const { clock, held, limit, looks, state } = worker(64)
    limit()
    state.busy = false
    clock.advance(2 * IDLE_LOOK_MS)
    const from = looks.length
    for (let ms = 0; ms < 1_000; ms += 1) {
      held.stir()
      clock.advance(1)
    }
    expect(looks.length - from).toBeGreaterThan(1_000 / LONGEST_LOOK_MS)
  })

  it("is ended without work too: its timers go on", () => {
    const { clock, killed, limit, state } = worker(64)
    limit()
    clock.advance(100)
    state.busy = false
    state.usedMb = 100
    clock.advance(2 * IDLE_LOOK_MS)
    expect(killed).toContain("worker")
  })

  it("is seen twice beyond it before it is ended for what it has started: a fork may count double for a moment", () => {
    const { clock, killed, limit, state } = worker(64)
    limit()
    state.descendants = true
    clock.advance(100)
    state.usedMb = 100
    clock.advance(30)
    expect(killed).toContain("worker")
    const other = worker(64)
    other.limit()
    other.state.descendants = true
    other.state.usedMb = 63
    other.clock.advance(100)
    other.state.usedMb = 100
    other.clock.advance(SHORTEST_LOOK_MS)
    other.state.usedMb = 60
    other.clock.advance(10 * SHORTEST_LOOK_MS)
    expect(other.killed).toEqual([])
    expect(other.held.end()).toBeNull()
  })

  it("is looked at once more when it is ready: what it has by then was not for its code to have", () => {
    const { held, killed, limit, state } = worker(64)
    expect(held.exceeds()).toBe(false)
    limit()
    expect(held.exceeds()).toBe(false)
    state.usedMb = 80
    expect(held.exceeds()).toBe(true)
    expect(killed).toContain("worker")
    expect(held.end()).toMatchObject({ _tag: "Limit" })
  })

  it("is left alone once it has ended, whoever may have its process id", () => {
    const { clock, killed, limit, looks, state } = worker(64)
    limit()
    clock.advance(100)
    state.gone = true
    state.usedMb = 100
    const from = looks.length
    clock.advance(10_000)
    expect(looks.length).toBe(from)
    expect(killed).toEqual([])
    expect(clock.armed).toBe(0)
  })

  it("takes what it has started with it, and is not looked at after that", () => {
    const { clock, held, killed, limit } = worker(64)
    limit()
    held.release()
    expect(killed).toEqual(["descendants"])
    held.stir()
    expect(clock.armed).toBe(0)
  })
})
