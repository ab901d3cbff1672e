import { describe, expect, it } from "vitest"
import { backoffMs, crashed, invocationWentWell, NO_BACKOFF, startFailed, startSucceeded } from "./Backoff.ts"

describe("what the next start waits for", () => {
  it("doubles from 100 ms to 30 s with starts that fail", () => {
    const waits = Array.from({ length: 12 }, (_, failures) => backoffMs(failures, 0))
    expect(waits).toEqual([0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000])
    expect(backoffMs(100_000, 0)).toBe(30_000)
  })

  it("is nothing for three crashes in a row, then doubles from 50 ms to 250 ms", () => {
    const waits = Array.from({ length: 11 }, (_, crashes) => backoffMs(0, crashes))
    expect(waits).toEqual([0, 0, 0, 0, 50, 100, 200, 250, 250, 250, 250])
    expect(backoffMs(2, 5)).toBe(200)
  })

  it("ends for starts when one succeeds, and what crashes ask for stays", () => {
    const failing = startFailed(startFailed(NO_BACKOFF, 1_000), 2_000)
    expect(failing).toEqual({ failedStarts: 2, crashes: 0, backoffUntil: 2_200 })
    expect(startSucceeded(failing, 2_010)).toEqual({ failedStarts: 0, crashes: 0, backoffUntil: 2_010 })
    let both = failing
    for (let i = 0; i < 6; i += 1) both = crashed(both, 2_000)
    expect(startSucceeded(both, 2_010)).toMatchObject({ crashes: 6, backoffUntil: 2_200 })
    expect(startSucceeded(NO_BACKOFF, 1)).toBe(NO_BACKOFF)
  })

  it("ends for crashes when an invocation goes well, and what failing starts ask for stays", () => {
    let crashing = NO_BACKOFF
    for (let i = 0; i < 6; i += 1) crashing = crashed(crashing, 1_000)
    expect(crashing.backoffUntil).toBe(1_200)
    expect(invocationWentWell(crashing)).toEqual(NO_BACKOFF)
    const both = startFailed(crashing, 1_000)
    expect(invocationWentWell(both)).toEqual({ failedStarts: 1, crashes: 0, backoffUntil: 1_200 })
    expect(invocationWentWell(NO_BACKOFF)).toBe(NO_BACKOFF)
  })
})
