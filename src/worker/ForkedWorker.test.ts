import { describe, expect, it } from "vitest"
import { faultOf } from "./ForkedWorker.ts"

const MiB = 1024
const ended = (signal: string | null, maxRssKb: number | null, code: number | null = null) => ({
  code,
  signal,
  maxRssKb
})

describe("how a forked worker ended", () => {
  it("is memory when it was ended by a signal at its limit, and not by us", () => {
    for (const signal of ["SIGKILL", "SIGABRT", "SIGSEGV"]) {
      expect(faultOf(ended(signal, 64 * MiB), 64, false).kind).toBe("memory")
      expect(faultOf(ended(signal, 58 * MiB), 64, false).kind).toBe("memory")
      expect(faultOf(ended(signal, 50 * MiB), 64, false).kind).toBe("signal")
      expect(faultOf(ended(signal, null), 64, false).kind).toBe("signal")
      expect(faultOf(ended(signal, 64 * MiB), 64, true)).toEqual({
        kind: "signal",
        reason: `was ended by ${signal}`
      })
    }
    expect(faultOf(ended("SIGTERM", 64 * MiB), 64, false).kind).toBe("signal")
  })

  it("is memory when the worker says so by its exit code", () => {
    expect(faultOf(ended(null, null, 12), 64, false)).toEqual({
      kind: "memory",
      reason: "exited with code 12"
    })
    expect(faultOf(ended(null, 64 * MiB, 3), 64, false)).toEqual({
      kind: "exit",
      reason: "exited with code 3"
    })
  })

  it("is its fork server's when that is gone", () => {
    expect(faultOf(null, 64, false)).toEqual({
      kind: "signal",
      reason: "was ended along with its fork server"
    })
  })
})
