import { describe, expect, it } from "vitest"
import { faultOf, forkedBody } from "./ForkedWorker.ts"
import { SocketTransport } from "./SocketTransport.ts"
import { Zygote } from "./Zygote.ts"

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
        reason: `was ended by ${signal}`,
        signal
      })
    }
    expect(faultOf(ended("SIGTERM", 64 * MiB), 64, false).kind).toBe("signal")
  })

  it("is memory when the worker says so by its exit code", () => {
    expect(faultOf(ended(null, null, 12), 64, false)).toEqual({
      kind: "memory",
      reason: "exited with code 12",
      exitCode: 12
    })
    expect(faultOf(ended(null, 64 * MiB, 3), 64, false)).toEqual({
      kind: "exit",
      reason: "exited with code 3",
      exitCode: 3
    })
  })

  it("is its fork server's when that is gone", () => {
    expect(faultOf(null, 64, false)).toEqual({
      kind: "signal",
      reason: "was ended along with its fork server"
    })
  })
})

describe("a connection that gets no worker", () => {
  const events = { data: () => {}, closed: () => {} }
  const nowhere = () => new Zygote("/nowhere/fork.sock", { ready: () => {}, failed: () => {}, log: () => {} })
  const refuses = `${JSON.stringify({ id: "", type: "fork_failed", payload: { errno: "EAGAIN" } })}\n`

  it.each([
    ["before the connection fails", (zygote: Zygote) => zygote.receive(Buffer.from(refuses))],
    [
      "after the connection failed",
      (zygote: Zygote) => void setTimeout(() => zygote.receive(Buffer.from(refuses)), 20)
    ]
  ])("says why, told %s", async (_when, tell) => {
    const zygote = nowhere()
    const body = forkedBody(zygote, null, 64)
    const opening = body.open(new SocketTransport(), events)
    tell(zygote)
    await expect(opening).rejects.toThrow("could not be forked (EAGAIN)")
  })

  it("is not told why by what was said of an earlier one", async () => {
    const zygote = nowhere()
    zygote.receive(Buffer.from(refuses))
    const opening = forkedBody(zygote, null, 64).open(new SocketTransport(), events)
    await expect(opening).rejects.not.toThrow("EAGAIN")
  })

  it("does not wait for a reason once the fork server is gone", async () => {
    const zygote = nowhere()
    const refusal = zygote.refusal(0, 60_000)
    zygote.end()
    expect(await refusal).toBeNull()
    expect(await zygote.refusal(0, 60_000)).toBeNull()
  })
})
