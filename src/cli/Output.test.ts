import { Effect, Exit, Fiber } from "effect"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { showBytes, showInstant, showMillis, table, withProgress } from "./Output.ts"

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

describe("withProgress", () => {
  let written = ""
  const { isTTY } = process.stderr
  const onTerminal = (is: boolean): void => void (process.stderr.isTTY = is)
  beforeEach(() => {
    written = ""
    vi.useFakeTimers()
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      written += String(text)
      return true
    })
  })
  afterEach(() => {
    vi.useRealTimers()
    process.stderr.isTTY = isTTY
  })

  /** Something under way, until `end`. */
  const begin = (label: string) => {
    const held = Promise.withResolvers<string>()
    const fiber = Effect.runFork(
      withProgress(
        label,
        Effect.promise(() => held.promise)
      )
    )
    return { end: () => (held.resolve("done"), Effect.runPromise(Fiber.join(fiber))), fiber }
  }

  it.each([true, false])("says nothing of what takes less than half a second (terminal: %s)", async (is) => {
    onTerminal(is)
    const quick = begin("building")
    vi.advanceTimersByTime(499)
    expect(await quick.end()).toBe("done")
    vi.advanceTimersByTime(60_000)
    expect(written).toBe("")
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each(["building hello.ts", "deploying hello", "waiting for hello"])(
    "says after half a second, once, where nobody looks: %s",
    async (label) => {
      onTerminal(false)
      const slow = begin(label)
      vi.advanceTimersByTime(500)
      expect(written).toBe(`${label}\n`)
      vi.advanceTimersByTime(60_000)
      expect(await slow.end()).toBe("done")
      expect(written).toBe(`${label}\n`)
      expect(vi.getTimerCount()).toBe(0)
    }
  )

  it("turns on a terminal, and leaves no trace when it is done", async () => {
    onTerminal(true)
    const slow = begin("deploying hello")
    vi.advanceTimersByTime(500 + 3 * 80)
    expect(written).toBe(["⠋", "⠙", "⠹", "⠸"].map((frame) => `\r${frame} deploying hello`).join(""))
    expect(await slow.end()).toBe("done")
    expect(written.endsWith("\r\u001B[2K")).toBe(true)
    const before = written
    vi.advanceTimersByTime(60_000)
    expect(written).toBe(before)
    expect(vi.getTimerCount()).toBe(0)
  })

  it("ends with what it was for, also by a failure or an interrupt", async () => {
    onTerminal(false)
    const failed = await Effect.runPromiseExit(withProgress("a", Effect.fail("no")))
    expect(failed).toEqual(Exit.fail("no"))
    const { fiber } = begin("b")
    await Effect.runPromise(Fiber.interrupt(fiber))
    vi.advanceTimersByTime(60_000)
    expect(written).toBe("")
    expect(vi.getTimerCount()).toBe(0)
  })
})
