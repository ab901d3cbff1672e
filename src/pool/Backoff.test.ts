import { describe, expect, it } from "vitest"
import {
  backoffMs,
  crashed,
  invocationWentWell,
  isOnTrial,
  NO_BACKOFF,
  QUARANTINE_CRASHES,
  QUARANTINE_FAILED_STARTS,
  quarantineCause,
  startFailed,
  startSucceeded
} from "./Backoff.ts"

describe("what the next start waits for", () => {
  it("doubles from 100 ms with starts that fail, from the eighth on in quarantine up to 5 minutes", () => {
    const waits = Array.from({ length: 15 }, (_, failures) => backoffMs(failures, 0))
    const quarantined = [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]
    expect(waits).toEqual([0, 100, 200, 400, 800, 1_600, 3_200, 6_400, ...quarantined])
    expect(backoffMs(100_000, 0)).toBe(300_000)
  })

  it("is nothing for three crashes in a row, then doubles from 50 ms to 250 ms", () => {
    const waits = Array.from({ length: 11 }, (_, crashes) => backoffMs(0, crashes))
    expect(waits).toEqual([0, 0, 0, 0, 50, 100, 200, 250, 250, 250, 250])
    expect(backoffMs(2, 5)).toBe(200)
    expect([19, 20, 21, 30, 100_000].map((crashes) => backoffMs(0, crashes))).toEqual([
      250, 10_000, 20_000, 300_000, 300_000
    ])
  })

  it("is a quarantine from the eighth failed start, or the twentieth crash, until one does well", () => {
    let failing = NO_BACKOFF
    for (let i = 1; i < QUARANTINE_FAILED_STARTS; i += 1) failing = startFailed(failing, i)
    expect([quarantineCause(failing), failing.quarantinedSince]).toEqual([null, null])
    failing = startFailed(startFailed(failing, 1_000), 12_000)
    expect([quarantineCause(failing), failing.quarantinedSince]).toEqual(["starts_fail", 1_000])
    expect(startSucceeded(failing, 32_000).quarantinedSince).toBe(null)
    let crashing = NO_BACKOFF
    for (let i = 0; i < QUARANTINE_CRASHES; i += 1) crashing = crashed(crashing, 5_000)
    expect([quarantineCause(crashing), crashing.quarantinedSince]).toEqual(["crashes", 5_000])
    // A worker that starts says nothing about what its calls will do.
    expect(startSucceeded(startFailed(crashing, 15_000), 15_010).quarantinedSince).toBe(5_000)
    expect(invocationWentWell(crashing, 16_000)).toEqual(NO_BACKOFF)
  })

  it("puts one on trial where starts fail or crashes go on", () => {
    const crashes = (count: number) => ({ ...NO_BACKOFF, crashes: count })
    expect(isOnTrial(NO_BACKOFF)).toBe(false)
    expect(isOnTrial(startFailed(NO_BACKOFF, 0))).toBe(true)
    expect([isOnTrial(crashes(3)), isOnTrial(crashes(4))]).toEqual([false, true])
  })

  it("ends for starts when one succeeds, and what crashes ask for stays", () => {
    const failing = startFailed(startFailed(NO_BACKOFF, 1_000), 2_000)
    expect(failing).toMatchObject({ failedStarts: 2, crashes: 0, backoffUntil: 2_200 })
    expect(startSucceeded(failing, 2_010)).toMatchObject({ failedStarts: 0, crashes: 0, backoffUntil: 2_010 })
    let both = failing
    for (let i = 0; i < 6; i += 1) both = crashed(both, 2_000)
    expect(startSucceeded(both, 2_010)).toMatchObject({ crashes: 6, backoffUntil: 2_200 })
    expect(startSucceeded(NO_BACKOFF, 1)).toBe(NO_BACKOFF)
  })

  it("ends for crashes when an invocation goes well, and what failing starts ask for stays", () => {
    let crashing = NO_BACKOFF
    for (let i = 0; i < 6; i += 1) crashing = crashed(crashing, 1_000)
    expect(crashing.backoffUntil).toBe(1_200)
    expect(invocationWentWell(crashing, 1_100)).toEqual(NO_BACKOFF)
    const both = startFailed(crashing, 1_000)
    expect(invocationWentWell(both, 1_100)).toMatchObject({
      failedStarts: 1,
      crashes: 0,
      backoffUntil: 1_200
    })
    expect(invocationWentWell(NO_BACKOFF, 0)).toBe(NO_BACKOFF)
  })
})
