import { InvalidRequest, LimitExceeded, PayloadTooLarge, type ServiceError } from "../domain/Errors.ts"
import { SocketStatus } from "../protocol/ErrorTable.ts"
import { encodeError, statusOf } from "../protocol/socket/ErrorPayload.ts"
import { encodeFrame, MAX_LENGTH, MAX_PAYLOAD_BYTES } from "../protocol/socket/Frame.ts"
import { FrameDecoder, type FrameViolation } from "../protocol/socket/FrameDecoder.ts"
import type { BodyBudget } from "../router/BodyBudget.ts"
import type { Cancel } from "../scheduler/Scheduler.ts"
import type { Activity } from "./Activity.ts"

/** The part of Bun's socket that a connection needs. */
export interface Wire {
  /** How many bytes were taken; fewer than given, or 0, where the peer does not read; negative where it is gone. */
  readonly write: (bytes: Uint8Array) => number
  readonly pause: () => void
  readonly resume: () => void
  /** Sends the end of the stream and still receives. */
  readonly shutdown: () => void
  /** Ends the connection at once. */
  readonly terminate: () => void
}

export interface ConnectionLimits {
  /** Requests of one connection without an answer. Past it they are refused (FN_007). */
  readonly maxInFlight: number
  /** With more bytes than that waiting for the peer, no further requests are read from it. */
  readonly pauseBytes: number
  /** With more bytes than that waiting for the peer, an answer is replaced by a refusal (FN_007). */
  readonly maxUnreadBytes: number
}

/** What a connection does with its requests, and whom it tells. */
export interface ConnectionOwner {
  readonly limits: ConnectionLimits
  readonly activity: Activity
  /** Where payloads have their place while they come in and until their request is answered. */
  readonly budget: BodyBudget["Type"]
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** A request; its ticket is answered once, now or later. The payload is only valid during the call. */
  readonly request: (ticket: Ticket, command: number, payload: Uint8Array) => void
  /** The connection takes nothing more and waits for the peer to leave, who must not take for ever. */
  readonly ending: (connection: Connection) => void
  /** The peer broke the framing; the connection is about to end. */
  readonly violated: (connection: Connection, violation: FrameViolation) => void
}

/** One request that waits for its answer. */
export class Ticket {
  readonly requestId: bigint
  readonly #connection: Connection
  /** Gives the work up when the peer goes away. Null where that is not possible, or not wanted. */
  cancel: Cancel | null = null
  #payloadBytes: number

  constructor(connection: Connection, requestId: bigint, payloadBytes: number) {
    this.#connection = connection
    this.requestId = requestId
    this.#payloadBytes = payloadBytes
  }

  /** What the request has in the budget. Whoever calls this gives it back: what runs on without its client holds it on. */
  takeOver(): number {
    const bytes = this.#payloadBytes
    this.#payloadBytes = 0
    return bytes
  }

  /** False once the peer has gone: nobody waits for the answer. */
  get wanted(): boolean {
    return this.#connection.has(this)
  }

  /** Answers; false where the payload is larger than a frame can carry, and the request is still to be answered. */
  answer(status: SocketStatus, payload: string): boolean {
    return this.#connection.answer(this, status, payload)
  }

  refuse(error: ServiceError, executionId?: string): void {
    const fits = this.answer(statusOf(error), encodeError(error, executionId))
    if (!fits)
      this.refuse(new PayloadTooLarge({ what: "the answer", limitBytes: MAX_PAYLOAD_BYTES }), executionId)
  }
}

/**
 * One client's connection: bytes in, tickets out; answers in, bytes out. Everything it keeps is bounded: one unfinished
 * frame, `maxInFlight` tickets, and about `maxUnreadBytes` of answers that the peer has not read. What all connections
 * keep of their requests together is bounded by the budget: what does not fit is skipped and refused (FN_007).
 */
export class Connection {
  readonly #wire: Wire
  readonly #owner: ConnectionOwner
  readonly #decoder: FrameDecoder
  readonly #tickets = new Set<Ticket>()
  readonly #output: Array<Uint8Array> = []
  #outputBytes = 0
  /** What was read and not looked at, because too much waits for the peer. At most one chunk. */
  #held: Uint8Array | null = null
  #paused = false
  #state: "open" | "ending" | "closed" = "open"
  #frameSince: number | null = null
  /** What the unfinished frame has in the budget. */
  #frameBytes = 0
  #outputSince: number | null = null

  constructor(wire: Wire, owner: ConnectionOwner) {
    this.#wire = wire
    this.#owner = owner
    this.#decoder = new FrameDecoder({
      admit: (requestId, payloadLength) => this.#admit(requestId, payloadLength),
      frame: ({ kind, payload, requestId }) => this.#request(requestId, kind, payload),
      violation: (violation) => this.#violated(violation)
    })
  }

  /** Bytes that wait for the peer. */
  get unreadBytes(): number {
    return this.#outputBytes
  }

  get inFlight(): number {
    return this.#tickets.size
  }

  /** Since when the peer owes the rest of a frame, or does not read; null while it does neither. */
  get stalledSince(): number | null {
    if (this.#frameSince === null) return this.#outputSince
    // While reading is paused the rest of the frame is not the peer's to blame.
    if (this.#paused) return this.#outputSince
    return this.#outputSince === null ? this.#frameSince : Math.min(this.#frameSince, this.#outputSince)
  }

  has(ticket: Ticket): boolean {
    return this.#tickets.has(ticket)
  }

  /** Bytes from the peer. */
  receive(chunk: Uint8Array): void {
    // After a violation the rest is read and dropped, so that a peer in the middle of a write gets to read why.
    if (this.#state !== "open") return
    if (this.#paused) {
      this.#held = this.#held === null ? chunk : Buffer.concat([this.#held, chunk])
      return
    }
    this.#decode(chunk)
  }

  /** The peer takes bytes again. */
  drained(): void {
    if (this.#state === "closed") return
    this.#flush()
    this.#goOn()
  }

  answer(ticket: Ticket, status: SocketStatus, payload: string): boolean {
    if (!this.#tickets.has(ticket)) return true
    const frame = encodeFrame(ticket.requestId, status, payload, MAX_LENGTH)
    if (frame === null) return false
    this.#forget(ticket)
    const tooMuch =
      this.#outputBytes > 0 && this.#outputBytes + frame.length > this.#owner.limits.maxUnreadBytes
    this.#send(tooMuch ? this.#dropped(ticket) : frame)
    // Not before: what could not be written yet is under way as well, and a shutdown must not slip in between.
    this.#owner.activity.end()
    return true
  }

  /** Says why, unasked, and ends the connection once that is written. */
  turnAway(error: ServiceError): void {
    this.#send(refusal(0n, error))
    this.end()
  }

  /** Ends the connection when what waits for the peer has been written; takes no further requests. */
  end(): void {
    if (this.#state !== "open") return
    this.#state = "ending"
    this.#stopReading()
    this.#cancelAll()
    this.#owner.ending(this)
    if (this.#outputBytes === 0) this.#wire.shutdown()
    if (this.#paused) {
      this.#paused = false
      this.#held = null
      this.#wire.resume()
    }
  }

  /** Ends the connection at once. */
  terminate(): void {
    if (this.#state === "closed") return
    this.closed()
    this.#wire.terminate()
  }

  /** The connection is no more: everything that it asked for is given up. */
  closed(): void {
    if (this.#state === "closed") return
    this.#state = "closed"
    this.#stopReading()
    this.#held = null
    this.#clearOutput()
    this.#cancelAll()
  }

  #decode(chunk: Uint8Array): void {
    const used = this.#decoder.push(chunk)
    if (this.#state !== "open") return
    this.#frameSince = this.#decoder.midFrame ? (this.#frameSince ?? this.#owner.now()) : null
    if (used < chunk.length && !this.#decoder.dead) this.#held = chunk.subarray(used)
  }

  #admit(requestId: bigint, payloadLength: number): boolean {
    const { budget } = this.#owner
    if (budget.take(payloadLength)) {
      this.#frameBytes = payloadLength
      return true
    }
    this.#send(refusal(requestId, budget.refusal()))
    this.#pauseIfUnread()
    return false
  }

  #stopReading(): void {
    this.#decoder.stop()
    this.#frameSince = null
    this.#owner.budget.giveBack(this.#frameBytes)
    this.#frameBytes = 0
  }

  #forget(ticket: Ticket): void {
    this.#tickets.delete(ticket)
    this.#owner.budget.giveBack(ticket.takeOver())
  }

  #request(requestId: bigint, command: number, payload: Uint8Array): void {
    this.#frameSince = null
    const { activity, budget, limits, request } = this.#owner
    const payloadBytes = this.#frameBytes
    this.#frameBytes = 0
    if (this.#tickets.size >= limits.maxInFlight) {
      budget.giveBack(payloadBytes)
      const limit = new LimitExceeded({
        limit: "connections",
        value: limits.maxInFlight,
        retryAfterSeconds: 1
      })
      this.#send(refusal(requestId, limit))
    } else {
      const ticket = new Ticket(this, requestId, payloadBytes)
      this.#tickets.add(ticket)
      activity.begin()
      request(ticket, command, payload)
    }
    this.#pauseIfUnread()
  }

  #pauseIfUnread(): void {
    const { pauseBytes } = this.#owner.limits
    if (this.#outputBytes > pauseBytes && this.#state === "open" && !this.#paused) {
      this.#paused = true
      this.#decoder.hold()
      this.#wire.pause()
    }
  }

  #violated(violation: FrameViolation): void {
    this.#owner.violated(this, violation)
    if (violation.requestId !== null) this.#send(frameRefusal(violation.requestId, violation.reason))
    this.end()
  }

  #dropped({ requestId }: Ticket): Uint8Array {
    return refusal(
      requestId,
      new LimitExceeded({ limit: "unread_answers", value: this.#outputBytes, retryAfterSeconds: 1 })
    )
  }

  #cancelAll(): void {
    for (const ticket of [...this.#tickets]) {
      this.#forget(ticket)
      this.#owner.activity.end()
      ticket.cancel?.()
    }
  }

  #send(bytes: Uint8Array): void {
    if (this.#state === "closed") return
    if (this.#outputBytes > 0) return this.#keep(bytes)
    const written = this.#wire.write(bytes)
    if (written < 0) return this.terminate()
    if (written < bytes.length) {
      this.#owner.activity.begin()
      this.#outputSince = this.#owner.now()
      this.#keep(bytes.subarray(written))
    }
  }

  #keep(bytes: Uint8Array): void {
    this.#output.push(bytes)
    this.#outputBytes += bytes.length
  }

  #flush(): void {
    let at = 0
    while (at < this.#output.length) {
      const bytes = this.#output[at] as Uint8Array
      const written = this.#wire.write(bytes)
      if (written < 0) return this.terminate()
      if (written > 0) this.#outputSince = this.#owner.now()
      this.#outputBytes -= written
      if (written < bytes.length) {
        this.#output[at] = bytes.subarray(written)
        break
      }
      at += 1
    }
    this.#output.splice(0, at)
    if (at === 0 || this.#outputBytes > 0) return
    this.#outputSince = null
    this.#owner.activity.end()
    if (this.#state === "ending") this.#wire.shutdown()
  }

  #clearOutput(): void {
    if (this.#outputBytes === 0) return
    this.#output.length = 0
    this.#outputBytes = 0
    this.#outputSince = null
    this.#owner.activity.end()
  }

  /** Looks at what was held, and reads on, once little enough waits for the peer. */
  #goOn(): void {
    while (this.#paused && this.#state === "open" && this.#outputBytes <= this.#owner.limits.pauseBytes / 2) {
      this.#paused = false
      const held = this.#held
      this.#held = null
      // The time that the peer was not listened to does not count.
      if (this.#decoder.midFrame) this.#frameSince = this.#owner.now()
      if (held !== null) this.#decode(held)
      if (!this.#paused) this.#wire.resume()
    }
  }
}

const refusal = (requestId: bigint, error: ServiceError): Uint8Array =>
  encodeFrame(requestId, statusOf(error), encodeError(error)) ?? new Uint8Array(0)

const frameRefusal = (requestId: bigint, reason: string): Uint8Array =>
  refusal(requestId, new InvalidRequest({ violations: [{ field: "frame", message: reason }] }))
