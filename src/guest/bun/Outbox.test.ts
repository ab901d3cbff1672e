import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Journal } from "./Journal.ts"
import { Outbox } from "./Outbox.ts"
import { Speaker } from "./Speaker.ts"
import type { Transport } from "./Transport.ts"

/** A transport that takes as many bytes as it is allowed to. */
class Narrow implements Transport {
  taken: Array<Uint8Array> = []
  writes = 0
  room: number
  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room
  }
  readonly write = (bytes: Uint8Array): number => {
    this.writes += 1
    const count = Math.min(this.room, bytes.length)
    this.room -= count
    this.taken.push(bytes.slice(0, count))
    return count
  }
  readonly settled = (): boolean => true
  get text(): string {
    return Buffer.concat(this.taken).toString()
  }
}

type Step =
  readonly ["send" | "sendNow", string] | readonly ["cork" | "uncork" | "tick"] | readonly ["room", number]

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(
    fc.constantFrom("send" as const, "sendNow" as const),
    fc.string({ unit: "grapheme", maxLength: 50 })
  ),
  fc.tuple(fc.constantFrom("cork" as const, "uncork" as const, "tick" as const)),
  fc.tuple(fc.constant("room" as const), fc.nat({ max: 60 }))
)

describe("the outbox", () => {
  test("hands everything over, in order, whatever the transport takes and when", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat({ max: 5 }), async (steps, attachAfter) => {
        const outbox = new Outbox()
        const transport = new Narrow(0)
        let sent = ""
        for (const [i, [kind, argument]] of steps.entries()) {
          if (i === attachAfter) outbox.attach(transport)
          if (kind === "send" || kind === "sendNow") {
            outbox[kind](argument)
            sent += argument
          } else if (kind === "room") {
            transport.room += argument
            outbox.drained()
          } else if (kind === "tick") await Promise.resolve()
          else outbox[kind]()
          const taken = Buffer.concat(transport.taken)
          expect(taken.equals(Buffer.from(sent).subarray(0, taken.length))).toBe(true)
        }
        outbox.attach(transport)
        outbox.uncork()
        let empty = false
        outbox.whenEmpty(() => {
          empty = true
        })
        transport.room = Number.POSITIVE_INFINITY
        outbox.drained()
        expect(transport.text).toBe(sent.toWellFormed())
        expect(empty).toBe(true)
        expect(outbox.backlog).toBe(0)
      })
    )
  })

  test("joins what is sent in one moment into one write", async () => {
    const outbox = new Outbox()
    const transport = new Narrow()
    outbox.attach(transport)
    for (let i = 0; i < 10; i += 1) outbox.send(`${i}\n`)
    expect(transport.writes).toBe(0)
    await Promise.resolve()
    expect(transport.writes).toBe(1)
    outbox.cork()
    outbox.send("a")
    outbox.send("b")
    await Promise.resolve()
    expect(transport.writes).toBe(1)
    outbox.uncork()
    expect(transport.writes).toBe(2)
    outbox.sendNow("at once")
    expect(transport.writes).toBe(3)
  })

  test("does not try again while the transport is full", () => {
    const outbox = new Outbox()
    const transport = new Narrow(3)
    outbox.attach(transport)
    outbox.sendNow("12345")
    const { writes } = transport
    for (let i = 0; i < 100; i += 1) outbox.sendNow("more")
    expect(transport.writes).toBe(writes)
    expect(outbox.backlog).toBe(402)
  })

  test("flushes blocking within its limit", () => {
    const outbox = new Outbox()
    const stuck = new Narrow(0)
    outbox.attach(stuck)
    outbox.sendNow("x")
    const { writes } = stuck
    outbox.flushBlocking(20)
    // It lets at least a millisecond pass between two tries.
    expect(stuck.writes - writes).toBeGreaterThan(0)
    expect(stuck.writes - writes).toBeLessThanOrEqual(21)
    stuck.room = 10
    outbox.flushBlocking(20)
    expect(stuck.text).toBe("x")
  })
})

describe("the journal", () => {
  test("drops lines while the host does not read, and says how many", () => {
    const outbox = new Outbox()
    const transport = new Narrow(0)
    outbox.attach(transport)
    const speaker = new Speaker('"i"', new Journal(outbox))
    const line = "x".repeat(10_000)
    for (let i = 0; i < 2_000; i += 1) speaker.say("info", line)
    expect(outbox.backlog).toBeLessThan(9 * 1024 * 1024)
    transport.room = Number.POSITIVE_INFINITY
    outbox.drained()
    speaker.say("info", "after")
    const messages = transport.text
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text))
    const kept = messages.filter(({ payload }) => payload.message === line).length
    expect(messages).toHaveLength(kept + 2)
    expect(messages.at(-2)).toMatchObject({
      id: "",
      payload: {
        level: "warn",
        message: `${2_000 - kept} log lines were dropped because the host did not read them in time`
      }
    })
    expect(messages.at(-1)).toMatchObject({ id: "i", payload: { message: "after" } })
  })
})
