import { describe, expect, it } from "vitest"
import { Invocations } from "./Invocations.ts"
import { Journal } from "./Journal.ts"
import { Outbox } from "./Outbox.ts"

describe("log lines that the host did not read in time (R-12)", () => {
  it("are counted before the answer, not only with the next line", async () => {
    const taken: Array<string> = []
    let reads = false
    const outbox = new Outbox()
    outbox.attach({
      write: (bytes) => {
        if (!reads) return 0
        taken.push(Buffer.from(bytes).toString())
        return bytes.length
      },
      settled: () => true
    })
    const journal = new Journal(outbox)
    const invocations = new Invocations(outbox, journal)
    invocations.prepare()
    invocations.begin(() => {
      for (let i = 0; i < 200; i += 1) invocations.speaker().say("info", "x".repeat(60_000))
      return new Response("done")
    })
    invocations.start("a", {
      method: "GET",
      path: "/",
      url: "/",
      headers: {},
      query: {},
      body: "",
      deadline_ms: 1000
    })
    await Promise.resolve()
    reads = true
    outbox.drained()
    const lines = taken.join("").trimEnd().split("\n")
    const messages = lines.map((line) => JSON.parse(line) as { type: string; payload: { message?: string } })
    const told = messages.findIndex(({ payload }) =>
      /^\d+ log lines were dropped/.test(payload.message ?? "")
    )
    const answer = messages.findIndex(({ type }) => type === "response")
    expect(told).toBeGreaterThan(0)
    expect(answer).toBeGreaterThan(told)
    const dropped = Number.parseInt(messages[told]?.payload.message ?? "", 10)
    expect(messages.filter(({ payload }) => payload.message?.startsWith("x")).length + dropped).toBe(200)
  })
})
