import { describe, expect, test } from "vitest"
import { functionFixture, GuestProcess, guestRuntimes, useRuntime } from "../support/GuestProcess.ts"

describe.each(guestRuntimes)("performance on %s", (runtime) => {
  useRuntime(runtime)

  test("timeOrigin is the Unix time of the worker's own start, and now() counts from there", async () => {
    const before = Date.now()
    const guest = await GuestProcess.ready({ bundle: functionFixture("valid/clock.js") })
    const first = JSON.parse((await guest.response()).text)
    const second = JSON.parse((await guest.response()).text)
    // a clock of milliseconds is rounded, in either direction
    expect(first.timeOrigin).toBeGreaterThanOrEqual(before - 1)
    for (const { before: from, json, now, timeOrigin } of [first, second]) {
      expect(timeOrigin).toBe(first.timeOrigin)
      expect(timeOrigin).toBe(json)
      expect(timeOrigin + now).toBeGreaterThanOrEqual(from - 2)
    }
    expect(first.timeOrigin + first.now).toBeLessThanOrEqual(first.after + 2)
    expect(first.atImport.timeOrigin).toBe(first.timeOrigin)
    expect(first.atImport.now).toBeLessThanOrEqual(first.now)
    expect(second.now).toBeGreaterThan(first.now)
  })
})
