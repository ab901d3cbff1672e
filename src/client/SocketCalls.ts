import { LimitExceeded, PayloadTooLarge } from "../domain/Errors.ts"
import { problemOf } from "../protocol/Problem.ts"
import { decodeError } from "../protocol/socket/ErrorPayload.ts"
import { encodeFrame, type Frame, MAX_PAYLOAD_BYTES } from "../protocol/socket/Frame.ts"
import { ConnectionError, FunctionsError, type ProtocolError } from "./ClientErrors.ts"
import type { CallOptions } from "./FunctionsClient.ts"
import { watchOptions } from "./GivingUp.ts"
import { SocketConnection } from "./SocketConnection.ts"

export interface SocketCallsOptions {
  /** How long one attempt to connect may take. */
  readonly connectTimeoutMs: number
  /** Calls that the server has without having answered. It refuses more than 1,024 on one connection. */
  readonly maxInFlight: number
  /** Further calls that wait for that, or for a connection; past it calls reject with FN_007. */
  readonly maxWaiting: number
  /** The same, by the bytes of their frames. */
  readonly maxWaitingBytes: number
  /** Attempts in a row to connect again, before what waits is given up. The next call begins anew. 0: never again. */
  readonly reconnectAttempts: number
  /** Between the first and the second attempt; doubled from then on, and spread by chance. */
  readonly reconnectFirstDelayMs: number
  readonly reconnectMaxDelayMs: number
}

/** An answer as it came. */
export interface SocketAnswer {
  readonly status: number
  readonly payload: string
}

/** Base64 makes four bytes of three. */
const FRAME_ADVICE =
  "one frame of the socket holds 16 MiB, a body in it as base64, so about 12 MB of a body; larger ones go over HTTP (--url), where the server's option max_request_bytes is the limit"

interface Call {
  readonly requestId: bigint
  readonly bytes: Uint8Array
  /** Null once the call was given up: its answer is still awaited, because the server counts it, but nobody wants it. */
  settle: {
    readonly resolve: (answer: SocketAnswer) => void
    readonly reject: (error: unknown) => void
  } | null
  /** It may be sent once more when the connection breaks. */
  retry: boolean
}

type State =
  | { readonly _tag: "connected"; readonly connection: SocketConnection }
  | { readonly _tag: "connecting" }
  /** Not connected, and not trying to be until somebody calls. */
  | { readonly _tag: "dormant"; readonly reason: ConnectionError | ProtocolError }
  | { readonly _tag: "closed" }

/** The table of calls over one socket, and the connection behind it, which may change. */
export class SocketCalls {
  readonly #path: string
  readonly #options: SocketCallsOptions
  /** In the order in which they will be sent. */
  #waiting = new Map<bigint, Call>()
  #waitingBytes = 0
  readonly #sent = new Map<bigint, Call>()
  #state: State = { _tag: "connecting" }
  /** Failures in a row, since an answer came last. */
  #failures = 0
  #pause: (() => void) | null = null
  #serial = 0n
  /** What the server said before it hung up, unasked. */
  #farewell: string | null = null

  private constructor(path: string, options: SocketCallsOptions) {
    this.#path = path
    this.#options = options
  }

  /** Connects once; throws a `ConnectionError`. */
  static async connect(path: string, options: SocketCallsOptions): Promise<SocketCalls> {
    const calls = new SocketCalls(path, options)
    await calls.#open()
    return calls
  }

  /** Sends a request and gives its answer, whatever it says. `retry`: it changes nothing, and may be sent twice. */
  call(command: number, payload: string, options: CallOptions, retry: boolean): Promise<SocketAnswer> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted === true) return reject(options.signal.reason)
      if (this.#state._tag === "closed") return reject(this.#closedError("not_sent"))
      const requestId = (this.#serial += 1n)
      const bytes = encodeFrame(requestId, command, payload)
      if (bytes === null) {
        return reject(
          refused(
            new PayloadTooLarge({ what: "the request", limitBytes: MAX_PAYLOAD_BYTES, advice: FRAME_ADVICE })
          )
        )
      }
      const { maxWaiting, maxWaitingBytes } = this.#options
      if (this.#waiting.size >= maxWaiting || this.#waitingBytes > maxWaitingBytes) {
        return reject(
          refused(
            new LimitExceeded({ limit: "client_queue", value: this.#waiting.size, retryAfterSeconds: 1 })
          )
        )
      }
      const call: Call = { requestId, bytes, settle: null, retry }
      const dispose = watchOptions(options, (reason) => {
        call.settle = null
        this.#unqueue(call)
        reject(reason)
      })
      call.settle = {
        resolve: (answer) => {
          dispose()
          resolve(answer)
        },
        reject: (error) => {
          dispose()
          reject(error)
        }
      }
      this.#waiting.set(requestId, call)
      this.#waitingBytes += bytes.length
      if (this.#state._tag !== "dormant") this.#pump()
      else if (this.#options.reconnectAttempts > 0) this.#attempt(this.#state.reason)
      else this.#rejectWaiting(this.#state.reason)
    })
  }

  async close(): Promise<void> {
    const state = this.#state
    if (state._tag === "closed") return
    this.#state = { _tag: "closed" }
    this.#pause?.()
    this.#rejectAll(this.#sent, this.#closedError("unknown"))
    this.#rejectWaiting(this.#closedError("not_sent"))
    if (state._tag === "connected") await state.connection.close()
  }

  #closedError(delivery: "not_sent" | "unknown"): ConnectionError {
    return delivery === "not_sent"
      ? new ConnectionError("the client is closed; connect again", this.#path, delivery)
      : new ConnectionError("the client was closed while this call was in flight", this.#path, delivery)
  }

  async #open(): Promise<void> {
    const connection = await SocketConnection.open(this.#path, this.#options.connectTimeoutMs, {
      frame: (frame) => this.#answered(frame),
      drained: () => this.#pump(),
      ended: (reason) => this.#ended(reason)
    })
    if (this.#state._tag === "closed") {
      await connection.close()
      return
    }
    this.#farewell = null
    this.#state = { _tag: "connected", connection }
    this.#pump()
  }

  #pump(): void {
    if (this.#state._tag !== "connected") return
    const { connection } = this.#state
    for (const [requestId, call] of this.#waiting) {
      if (this.#sent.size >= this.#options.maxInFlight || !connection.hasRoom) return
      this.#unqueue(call)
      this.#sent.set(requestId, call)
      connection.write(call.bytes)
    }
  }

  #unqueue(call: Call): void {
    if (this.#waiting.delete(call.requestId)) this.#waitingBytes -= call.bytes.length
  }

  #answered({ kind, payload, requestId }: Frame): void {
    const text = utf8.decode(payload)
    if (requestId === 0n) {
      this.#farewell = decodeError(text)?.detail ?? null
      return
    }
    this.#failures = 0
    const call = this.#sent.get(requestId)
    // An id that was never sent, or was answered before: there is nobody to tell.
    if (call === undefined) return
    this.#sent.delete(requestId)
    call.settle?.resolve({ status: kind, payload: text })
    this.#pump()
  }

  #ended(reason: ConnectionError | ProtocolError): void {
    if (this.#state._tag === "closed") return
    const told =
      this.#farewell === null
        ? reason
        : new ConnectionError(
            `the server ended the connection: ${this.#farewell}`,
            this.#path,
            "unknown",
            reason
          )
    const again = new Map<bigint, Call>()
    const lost = new Map<bigint, Call>()
    for (const [requestId, call] of this.#sent) {
      if (call.settle === null) continue
      const mayRetry = call.retry && reason instanceof ConnectionError && this.#options.reconnectAttempts > 0
      ;(mayRetry ? again : lost).set(requestId, call)
      call.retry = false
    }
    this.#sent.clear()
    for (const call of again.values()) this.#waitingBytes += call.bytes.length
    this.#waiting = new Map([...again, ...this.#waiting])
    this.#failures += 1
    this.#recover(told)
    this.#rejectAll(lost, told)
  }

  /** Tries to connect again, unless there were too many failures in a row: then what waits is given up. */
  #recover(reason: ConnectionError | ProtocolError): void {
    const { reconnectAttempts } = this.#options
    const hopeless = this.#failures > reconnectAttempts || !(reason instanceof ConnectionError)
    if (reconnectAttempts > 0 && !hopeless) return this.#attempt(reason)
    this.#failures = 0
    this.#state = { _tag: "dormant", reason: retold(reason) }
    this.#rejectWaiting(retold(reason))
  }

  #attempt(reason: ConnectionError | ProtocolError): void {
    this.#state = { _tag: "connecting" }
    const timer = setTimeout(() => {
      this.#pause = null
      this.#open().catch((error: unknown) => {
        if (this.#state._tag === "closed") return
        this.#failures += 1
        this.#recover(error instanceof ConnectionError ? error : reason)
      })
    }, this.#delayMs())
    this.#pause = () => clearTimeout(timer)
  }

  /** At once after the first failure; then half to all of a pause that doubles. */
  #delayMs(): number {
    if (this.#failures <= 1) return 0
    const { reconnectFirstDelayMs, reconnectMaxDelayMs } = this.#options
    const whole = Math.min(reconnectMaxDelayMs, reconnectFirstDelayMs * 2 ** (this.#failures - 2))
    return whole * (0.5 + Math.random() / 2)
  }

  #rejectWaiting(error: unknown): void {
    const waiting = this.#waiting
    this.#waiting = new Map()
    this.#waitingBytes = 0
    this.#rejectAll(waiting, error)
  }

  #rejectAll(calls: Map<bigint, Call>, error: unknown): void {
    const rejected = [...calls.values()]
    calls.clear()
    for (const call of rejected) call.settle?.reject(error)
  }
}

const utf8 = new TextDecoder()

const refused = (error: LimitExceeded | PayloadTooLarge): FunctionsError =>
  new FunctionsError(problemOf(error))

/** The same reason, for calls that never left. */
const retold = (reason: ConnectionError | ProtocolError): ConnectionError | ProtocolError =>
  reason instanceof ConnectionError && reason.delivery === "unknown"
    ? new ConnectionError(reason.message, reason.address, "not_sent", reason.cause)
    : reason
