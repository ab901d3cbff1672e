import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { SocketStatus } from "../protocol/ErrorTable.ts"
import { decodeError } from "../protocol/socket/ErrorPayload.ts"
import { encodeFrame } from "../protocol/socket/Frame.ts"
import { FrameDecoder } from "../protocol/socket/FrameDecoder.ts"
import { watchedBudget } from "../../tests/support/WatchedBudget.ts"
import { Activity } from "./Activity.ts"
import { Connection, type ConnectionLimits, type Ticket, type Wire } from "./Connection.ts"

/** A peer that takes only as many bytes as it is told to, and the connection to it. */
class Peer implements Wire {
  readonly activity = new Activity()
  readonly bodies: ReturnType<typeof watchedBudget>
  readonly tickets: Array<{ readonly ticket: Ticket; readonly command: number; cancelled: number }> = []
  readonly answers: Array<{ readonly id: bigint; readonly status: number; readonly text: string }> = []
  readonly violations: Array<string> = []
  readonly connection: Connection
  onRequest: (ticket: Ticket) => void = () => {}
  room = Number.POSITIVE_INFINITY
  reading = true
  state: "open" | "shut" | "gone" | "terminated" = "open"
  now = 0
  endings = 0
  readonly #decoder = new FrameDecoder({
    frame: ({ kind, payload, requestId }) =>
      this.answers.push({ id: requestId, status: kind, text: new TextDecoder().decode(payload) }),
    violation: ({ reason }) => expect.unreachable(reason)
  })

  constructor(limits: Partial<ConnectionLimits> = {}, bodies = watchedBudget(1 << 20)) {
    this.bodies = bodies
    this.connection = new Connection(this, {
      limits: { maxInFlight: 4, pauseBytes: 200, maxUnreadBytes: 1000, ...limits },
      activity: this.activity,
      budget: bodies.budget,
      now: () => this.now,
      request: (ticket, command) => {
        const entry = { ticket, command, cancelled: 0 }
        ticket.cancel = () => {
          entry.cancelled += 1
        }
        this.tickets.push(entry)
        this.onRequest(ticket)
      },
      ending: () => {
        this.endings += 1
      },
      violated: (_, { kind }) => this.violations.push(kind)
    })
  }

  write(bytes: Uint8Array): number {
    if (this.state !== "open") return -1
    const taken = Math.min(this.room, bytes.length)
    this.room -= taken
    this.#decoder.push(bytes.subarray(0, taken))
    return taken
  }
  pause() {
    this.reading = false
  }
  resume() {
    this.reading = true
  }
  shutdown() {
    this.state = "shut"
  }
  terminate() {
    this.state = "terminated"
  }

  /** Makes room for so many bytes and tells the connection. */
  take(bytes: number): void {
    this.room = bytes
    this.connection.drained()
  }

  send(...ids: ReadonlyArray<number>): void {
    this.connection.receive(Buffer.concat(ids.map((id) => encodeFrame(BigInt(id), 7, "{}") as Uint8Array)))
  }

  leave(): void {
    this.state = "gone"
    this.connection.closed()
  }
}

const codes = (peer: Peer) => peer.answers.map(({ text }) => decodeError(text)?.code)

describe("Connection", () => {
  it("answers in any order, each request once", () => {
    const peer = new Peer()
    peer.send(1, 2, 3)
    const [one, two, three] = peer.tickets.map(({ ticket }) => ticket)
    three?.answer(SocketStatus.OK, "3")
    one?.answer(SocketStatus.OK, "1")
    one?.answer(SocketStatus.OK, "again")
    two?.answer(SocketStatus.OK, "2")
    expect(peer.answers.map(({ id, text }) => [id, text])).toEqual([
      [3n, "3"],
      [1n, "1"],
      [2n, "2"]
    ])
    expect(peer.activity.count).toBe(0)
  })

  it("refuses what is over the bound of requests in flight, and takes more once some are answered", () => {
    const peer = new Peer({ maxInFlight: 2 })
    peer.send(1, 2, 3)
    expect(peer.tickets).toHaveLength(2)
    expect(codes(peer)).toEqual(["FN_007"])
    expect(peer.answers[0]?.id).toBe(3n)
    peer.tickets[0]?.ticket.answer(SocketStatus.OK, "")
    peer.send(4)
    expect(peer.tickets).toHaveLength(3)
  })

  it("gives up everything in flight when the peer leaves", () => {
    const peer = new Peer()
    peer.send(1, 2)
    peer.tickets[0]?.ticket.answer(SocketStatus.OK, "")
    peer.leave()
    peer.connection.closed()
    expect(peer.tickets.map(({ cancelled }) => cancelled)).toEqual([0, 1])
    expect(peer.tickets[1]?.ticket.wanted).toBe(false)
    peer.tickets[1]?.ticket.answer(SocketStatus.OK, "too late")
    expect(peer.answers).toHaveLength(1)
    expect(peer.activity.count).toBe(0)
  })

  it("reads no further requests from a peer that does not read, and goes on once it does", () => {
    const peer = new Peer()
    peer.room = 0
    peer.onRequest = (ticket) => ticket.answer(SocketStatus.OK, "x".repeat(150))
    peer.send(1, 2, 3, 4, 5)
    expect(peer.reading).toBe(false)
    expect(peer.tickets).toHaveLength(2)
    peer.take(Number.POSITIVE_INFINITY)
    expect(peer.answers.map(({ id }) => id)).toEqual([1n, 2n, 3n, 4n, 5n])
    expect(peer.reading).toBe(true)
    expect(peer.connection.unreadBytes).toBe(0)
  })

  it("drops an answer, and says so, when too much waits for the peer", () => {
    const peer = new Peer({ pauseBytes: 10_000 })
    peer.room = 0
    peer.send(1, 2, 3)
    for (const { ticket } of peer.tickets) ticket.answer(SocketStatus.OK, "x".repeat(600))
    expect(peer.connection.unreadBytes).toBeLessThan(600 + 2 * 700)
    peer.take(Number.POSITIVE_INFINITY)
    expect(codes(peer)).toEqual([undefined, "FN_007", "FN_007"])
  })

  it("tells an answer that no frame can carry apart", () => {
    const peer = new Peer()
    peer.send(1)
    const ticket = peer.tickets[0]?.ticket
    expect(ticket?.answer(SocketStatus.OK, "x".repeat(17 << 20))).toBe(false)
    expect(ticket?.wanted).toBe(true)
    expect(ticket?.answer(SocketStatus.OK, "less")).toBe(true)
  })

  it("answers a broken frame where it can, and then ends the connection", () => {
    const peer = new Peer()
    peer.send(1)
    peer.connection.receive(Uint8Array.of(255, 255, 255, 255, 9, 0, 0, 0, 0, 0, 0, 0))
    expect(peer.violations).toEqual(["length_too_large"])
    expect(peer.answers.map(({ id }) => id)).toEqual([9n])
    expect(codes(peer)).toEqual(["FN_006"])
    expect(peer.state).toBe("shut")
    expect(peer.endings).toBe(1)
    expect(peer.tickets[0]?.cancelled).toBe(1)
    peer.send(2)
    expect(peer.tickets).toHaveLength(1)
  })

  it("ends after a broken frame only when what it has to say has been read", () => {
    const peer = new Peer()
    peer.room = 5
    peer.connection.receive(Uint8Array.of(12, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0))
    expect(peer.state).toBe("open")
    peer.take(Number.POSITIVE_INFINITY)
    expect(peer.state).toBe("shut")
    expect(codes(peer)).toEqual(["FN_006"])
    expect(peer.activity.count).toBe(0)
  })

  it("knows since when the peer owes something", () => {
    const peer = new Peer()
    const ping = encodeFrame(1n, 7, "{}") as Uint8Array
    peer.now = 5
    expect(peer.connection.stalledSince).toBeNull()
    peer.connection.receive(ping.subarray(0, 3))
    peer.now = 6
    peer.connection.receive(ping.subarray(3, 10))
    // of the frame's beginning: a byte now and then does not help
    expect(peer.connection.stalledSince).toBe(5)
    peer.connection.receive(ping.subarray(10))
    expect(peer.connection.stalledSince).toBeNull()

    peer.room = 3
    peer.now = 9
    peer.tickets[0]?.ticket.answer(SocketStatus.OK, "")
    expect(peer.connection.stalledSince).toBe(9)
    peer.now = 12
    peer.take(1)
    expect(peer.connection.stalledSince).toBe(12)
    peer.take(100)
    expect(peer.connection.stalledSince).toBeNull()
  })

  it("keeps its bounds and loses nothing, whatever the two sides do", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("send" as const), count: fc.integer({ min: 1, max: 6 }) }),
      fc.record({
        do: fc.constant("answer" as const),
        which: fc.nat(),
        size: fc.integer({ min: 0, max: 400 })
      }),
      fc.record({ do: fc.constant("take" as const), bytes: fc.integer({ min: 0, max: 600 }) }),
      fc.record({ do: fc.constant("block" as const) })
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, leaves) => {
        const peer = new Peer()
        const open = new Map<bigint, Ticket>()
        peer.onRequest = (ticket) => open.set(ticket.requestId, ticket)
        let sent = 0
        for (const one of steps) {
          if (one.do === "send" && peer.reading)
            peer.send(...Array.from({ length: one.count }, () => (sent += 1)))
          if (one.do === "answer" && open.size > 0) {
            const ticket = [...open.values()][one.which % open.size] as Ticket
            open.delete(ticket.requestId)
            ticket.answer(SocketStatus.OK, "x".repeat(one.size))
          }
          if (one.do === "take") peer.take(one.bytes)
          if (one.do === "block") peer.room = 0
          expect(peer.connection.inFlight).toBe(open.size)
          expect(open.size).toBeLessThanOrEqual(4)
          // refusals are small and at most one for each request that one chunk can hold
          expect(peer.connection.unreadBytes).toBeLessThanOrEqual(1000 + 10 * 600)
        }
        const unanswered = open.size
        if (leaves) peer.leave()
        // Held frames come up as room is made, and want their answers as well.
        for (let left = 200; left > 0 && !leaves; left--) {
          peer.take(Number.POSITIVE_INFINITY)
          for (const ticket of open.values()) ticket.answer(SocketStatus.OK, "")
          open.clear()
        }
        const cancelled = peer.tickets.filter((one) => one.cancelled === 1).length
        const answered = peer.answers.map(({ id }) => Number(id)).sort((a, b) => a - b)
        const asked = Array.from({ length: sent }, (_, index) => index + 1)
        expect(cancelled).toBe(leaves ? unanswered : 0)
        expect(answered).toEqual(leaves ? answered : asked)
        expect(peer.connection.unreadBytes).toBe(0)
        expect(peer.reading || leaves).toBe(true)
        expect(peer.activity.count).toBe(0)
      })
    )
  })

  describe("and the budget for payloads", () => {
    const frame = (id: number, payloadBytes: number): Uint8Array =>
      encodeFrame(BigInt(id), 7, "x".repeat(payloadBytes)) as Uint8Array

    it("refuses a frame that does not fit at its head, skips the rest, and takes the next", () => {
      const peer = new Peer({}, watchedBudget(100))
      peer.connection.receive(frame(1, 60))
      peer.connection.receive(frame(2, 50).subarray(0, 17))
      expect(codes(peer)).toEqual(["FN_007"])
      expect(peer.answers[0]?.id).toBe(2n)
      peer.connection.receive(frame(2, 50).subarray(17))
      peer.connection.receive(frame(3, 40))
      expect(peer.tickets.map(({ ticket }) => ticket.requestId)).toEqual([1n, 3n])
      expect(peer.bodies.budget.held()).toBe(100)
      peer.tickets[0]?.ticket.answer(SocketStatus.OK, "")
      expect(peer.bodies.budget.held()).toBe(40)
    })

    it("knows since when the peer owes the rest of a frame that is skipped", () => {
      const peer = new Peer({}, watchedBudget(10))
      peer.now = 3
      peer.connection.receive(frame(1, 50).subarray(0, 20))
      expect(peer.connection.stalledSince).toBe(3)
      peer.connection.receive(frame(1, 50).subarray(20))
      expect(peer.connection.stalledSince).toBeNull()
    })

    it("is read no further while it does not read its refusals", () => {
      const peer = new Peer({}, watchedBudget(10))
      peer.room = 0
      peer.connection.receive(Buffer.concat(Array.from({ length: 20 }, (_, index) => frame(index, 50))))
      expect(peer.reading).toBe(false)
      expect(peer.connection.unreadBytes).toBeLessThan(1200)
      for (let left = 40; left > 0; left--) peer.take(Number.POSITIVE_INFINITY)
      expect(peer.answers).toHaveLength(20)
      expect(peer.reading).toBe(true)
    })

    it("keeps nothing of a request that is over the bound of one connection", () => {
      const peer = new Peer({ maxInFlight: 1 }, watchedBudget(100))
      peer.connection.receive(Buffer.concat([frame(1, 30), frame(2, 40)]))
      expect(codes(peer)).toEqual(["FN_007"])
      expect(peer.bodies.budget.held()).toBe(30)
    })

    it("gives back what a command took over only when that gives it back", () => {
      const peer = new Peer({}, watchedBudget(100))
      peer.connection.receive(frame(1, 60))
      const bytes = peer.tickets[0]?.ticket.takeOver()
      peer.leave()
      expect(bytes).toBe(60)
      expect(peer.bodies.budget.held()).toBe(60)
    })

    it("holds what is open and what is coming in, and nothing at the end, whatever happens", () => {
      const LIMIT = 120
      const peerIndex = fc.nat(2)
      const step = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            do: fc.constant("send" as const),
            peer: peerIndex,
            size: fc.oneof(fc.nat(6), fc.nat(60))
          })
        },
        {
          weight: 6,
          arbitrary: fc.record({ do: fc.constant("bytes" as const), peer: peerIndex, count: fc.nat(90) })
        },
        {
          weight: 3,
          arbitrary: fc.record({ do: fc.constant("answer" as const), peer: peerIndex, which: fc.nat() })
        },
        { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), peer: peerIndex }) },
        { weight: 1, arbitrary: fc.record({ do: fc.constant("garbage" as const), peer: peerIndex }) },
        { weight: 1, arbitrary: fc.record({ do: fc.constant("unread" as const), peer: peerIndex }) },
        { weight: 2, arbitrary: fc.record({ do: fc.constant("read" as const), peer: peerIndex }) }
      )
      fc.assert(
        fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
          const bodies = watchedBudget(LIMIT)
          const sides = [0, 1, 2].map(() => ({ peer: new Peer({}, bodies), pending: Buffer.alloc(0) }))
          let id = 0
          for (const one of steps) {
            const side = sides[one.peer] as (typeof sides)[number]
            const { peer } = side
            if (one.do === "send") side.pending = Buffer.concat([side.pending, frame((id += 1), one.size)])
            if (one.do === "bytes") {
              peer.connection.receive(side.pending.subarray(0, one.count))
              side.pending = side.pending.subarray(one.count)
            }
            if (one.do === "answer" && peer.tickets.length > 0)
              peer.tickets[one.which % peer.tickets.length]?.ticket.answer(SocketStatus.OK, "done")
            if (one.do === "leave") peer.leave()
            if (one.do === "garbage") peer.connection.receive(Uint8Array.of(0, 0, 0, 0))
            if (one.do === "unread") peer.room = 0
            if (one.do === "read") peer.take(Number.POSITIVE_INFINITY)
          }
          for (const { peer } of sides) peer.leave()
          expect(bodies.budget.held()).toBe(0)
          expect(bodies.most()).toBeLessThanOrEqual(LIMIT)
        })
      )
    })
  })
})
