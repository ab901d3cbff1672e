import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { consoleLines, isAtLeast } from "./ConsoleLines.ts"
import type { LogEntry } from "./LogPipeline.ts"

const at = new Date(2026, 0, 27, 9, 5, 3, 7).getTime()

describe("consoleLines", () => {
  it("shows time, level, function@version, the short id and the message", () => {
    expect(
      consoleLines(
        {
          at,
          level: "info",
          functionName: "hello",
          version: "v1",
          invocationId: "019a0000-0000-7000-8000-0123456789ab",
          message: "one\n  two"
        },
        false
      )
    ).toBe("09:05:03.007 INFO  hello@v1 456789ab one\n      two\n")
    expect(consoleLines({ at, level: "warn", message: "m" }, false)).toBe("09:05:03.007 WARN  server m\n")
  })

  it("indents the stack, without saying the message twice", () => {
    const entry: LogEntry = {
      at,
      level: "error",
      functionName: "hello",
      version: "v1",
      message: "boom",
      stack: "TypeError: boom\n    at deep (src/hello.ts:4:13)\n    at src/hello.ts:9:1"
    }
    expect(consoleLines(entry, false)).toBe(
      "09:05:03.007 ERROR hello@v1 boom\n    at deep (src/hello.ts:4:13)\n    at src/hello.ts:9:1\n"
    )
    expect(consoleLines({ ...entry, stack: "Other\n  at x" }, false)).toContain("\n    Other\n    at x\n")
  })

  it("says an error once also where its message stands behind other words", () => {
    const uncaught = (title: string, stack: string): string =>
      consoleLines({ at, level: "error", message: `Uncaught exception: ${title}`, stack }, false)
    expect(uncaught("TypeError: boom", "TypeError: boom\n    at src/hello.ts:9:1")).toBe(
      "09:05:03.007 ERROR server Uncaught exception: TypeError: boom\n    at src/hello.ts:9:1\n"
    )
    expect(uncaught("E: two\nlines", "E: two\nlines\n    at src/hello.ts:9:1")).toBe(
      "09:05:03.007 ERROR server Uncaught exception: E: two\n    lines\n    at src/hello.ts:9:1\n"
    )
    expect(uncaught("E: no frames", "E: no frames")).not.toContain("\n    E:")
    expect(uncaught("boom", "E: other\n    at x")).toContain("\n    E: other\n    at x\n")
  })

  it("colours only where asked", () => {
    const entry: LogEntry = { at, level: "error", message: "m" }
    expect(consoleLines(entry, false)).not.toContain("\u001b")
    expect(consoleLines(entry, true)).toContain("\u001b[31mERROR\u001b[0m")
  })

  it("lets no function's output at the terminal: no escapes, no other control characters", () => {
    const nasty = fc.string({
      unit: fc.oneof(
        fc.constantFrom("\u001b[2J", "\u0007", "\r", "\u009b", "\u202e", "\n", "\t"),
        fc.string({ maxLength: 3 })
      )
    })
    fc.assert(
      fc.property(nasty, nasty, nasty, (message, stack, invocationId) => {
        const text = consoleLines({ at, level: "info", message, stack, invocationId }, false)
        // oxlint-disable-next-line no-control-regex
        expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/)
        expect(text.endsWith("\n")).toBe(true)
      })
    )
  })

  it("cuts what is too long for a terminal", () => {
    const text = consoleLines({ at, level: "info", message: "x".repeat(100_000) }, false)
    expect(text.length).toBeLessThan(5000)
    expect(text).toContain("… (cut)")
  })
})

describe("isAtLeast", () => {
  it("orders the levels", () => {
    expect(isAtLeast("error", "warn")).toBe(true)
    expect(isAtLeast("warn", "warn")).toBe(true)
    expect(isAtLeast("info", "warn")).toBe(false)
    expect(isAtLeast("debug", "info")).toBe(false)
  })
})
