import { MAX_LINE_BYTES } from "../target/WorkerProcess.ts"
import { ERROR_CODES, payloadFault } from "./payloadFault.ts"
import { type Message, readLine, showLine } from "./Message.ts"
import type { Rule } from "./rules.ts"

/** Something that a worker did in a case that was about something else. */
export interface Violation {
  readonly rule: Rule
  readonly what: string
}

const shown = (id: string): string => JSON.stringify(id.length <= 80 ? id : `${id.slice(0, 80)}…`)

/**
 * Watches both directions of one worker's conversation, in every case: each line in form, nobody answered twice or without
 * having asked, nothing before `ready`. What it holds a worker to is in `rules.ts`.
 */
export class Monitors {
  /** Ids of invocations that the worker has not answered. */
  readonly inFlight = new Set<string>()
  readonly #everInvoked = new Set<string>()
  readonly #pings = new Map<string, number>()
  /** Ids of `load` that may still be answered by an error of their own. */
  readonly #loads: Array<string> = []
  /** Calls that have no result yet, by call_id: the invocation. */
  readonly #calls = new Map<string, string>()
  readonly #everCalled = new Set<string>()
  #readies = 0
  #features: ReadonlyArray<string> = []
  #loadAsked: boolean
  #failed = false
  #stopping = false
  readonly #report: (violation: Violation) => void

  /** `withBundle`: the worker was started with one; else it is ready for `load` first. */
  constructor(withBundle: boolean, report: (violation: Violation) => void) {
    this.#loadAsked = withBundle
    this.#report = report
  }

  /** `shutdown` was sent, or its stdin ended. */
  get mayEnd(): boolean {
    return this.#stopping || this.#failed
  }

  /** A line on its way to the worker. What is no message of a known type asks for nothing. */
  sent(line: Uint8Array): void {
    if (line.length > MAX_LINE_BYTES) {
      this.#stopping = true
      return
    }
    const read = readSent(line)
    if (read === null) return
    const { id, type, payload } = read
    switch (type) {
      case "invoke":
        this.inFlight.add(id)
        this.#everInvoked.add(id)
        return
      case "ping":
        this.#pings.set(id, (this.#pings.get(id) ?? 0) + 1)
        return
      case "load":
        this.#loads.push(id)
        this.#loadAsked = true
        return
      case "result":
        if (typeof payload["call_id"] === "string") this.#calls.delete(payload["call_id"])
        return
      case "shutdown":
        this.#stopping = true
    }
  }

  /** Its stdin was ended. */
  hungUp(): void {
    this.#stopping = true
  }

  /** A line of the worker's; gives the message where it is one. */
  heard(line: Uint8Array): Message | null {
    const read = readLine(line)
    if (read._tag === "Fault") {
      this.#violated(read.rule, read.why)
      return null
    }
    const { message } = read
    const fault = payloadFault(message)
    if (fault !== null) {
      this.#violated("payload", `${message.type} ${shown(message.id)}: ${fault}: ${showLine(line)}`)
      return null
    }
    this.#watch(message)
    return message
  }

  /** The last line had no newline. */
  torn(line: Uint8Array): void {
    this.#violated("torn", `its output ended in the middle of a line: ${showLine(line)}`)
  }

  #violated(rule: Rule, what: string): void {
    this.#report({ rule, what })
  }

  #watch(message: Message): void {
    const { id, type } = message
    switch (type) {
      case "ready":
        return this.#ready(message)
      case "response":
      case "error":
        return this.#answer(message)
      case "log":
        if (id !== "" && !this.#everInvoked.has(id)) {
          this.#violated("log-id", `a log line for ${shown(id)}, which was never invoked`)
        }
        return
      case "pong": {
        const open = this.#pings.get(id) ?? 0
        if (open === 0) this.#violated("pong", `a pong for ${shown(id)}, which is no open ping`)
        else this.#pings.set(id, open - 1)
        return
      }
      case "call":
        return this.#call(message)
    }
  }

  #ready({ payload, id }: Message): void {
    this.#readies += 1
    const most = this.#loads.length > 0 ? 2 : 1
    if (this.#readies > most) this.#violated("ready-once", `it has said ready ${this.#readies} times`)
    if (id !== "") this.#violated("ready-id", `ready has the id ${shown(id)}`)
    this.#features = (payload["features"] as ReadonlyArray<string> | undefined) ?? []
  }

  #answer({ id, type, payload }: Message): void {
    if (type === "error" && !ERROR_CODES.includes(payload["code"])) {
      this.#violated("error-code", `an error with the code ${JSON.stringify(payload["code"])}`)
    }
    if (this.inFlight.delete(id)) {
      if (this.#readies === 0 && type === "response") {
        this.#violated("before-ready", `${shown(id)} was answered before ready`)
      }
      return
    }
    if (type === "error") {
      const load = this.#loads.indexOf(id)
      if (load !== -1 && id !== "") {
        this.#loads.splice(load, 1)
        return
      }
      if (id === "" && this.#loadAsked && !this.#failed) {
        this.#failed = true
        return
      }
    }
    const how = this.#everInvoked.has(id) ? "was answered already" : "was never invoked"
    const rule = this.#everInvoked.has(id) ? "answer-twice" : "answer-unasked"
    this.#violated(rule, `it answered ${shown(id)}, which ${how}, by ${type}`)
  }

  #call({ id, payload }: Message): void {
    const callId = payload["call_id"] as string
    if (!this.#features.includes("call") && this.#readies > 0) {
      this.#violated("call-feature", "it makes a call, and did not announce the feature")
    }
    if (payload["name"] === "abort") {
      if (!this.#everCalled.has(callId))
        this.#violated("call-abort", `it aborts ${shown(callId)}, no call of its`)
      this.#calls.delete(callId)
      return
    }
    if (id !== "" && !this.#everInvoked.has(id)) {
      this.#violated("call-id", `a call for ${shown(id)}, which was never invoked`)
    }
    if (this.#calls.has(callId)) {
      this.#violated("call-unique", `two calls under way have the call_id ${shown(callId)}`)
    }
    this.#calls.set(callId, id)
    this.#everCalled.add(callId)
  }
}

/** What a worker can take for a message: its payload may be anything. */
const readSent = (line: Uint8Array): Message | null => {
  const read = readLine(line)
  if (read._tag === "Message") return read.message
  if (read.rule !== "envelope") return null
  const { id, type } = JSON.parse(new TextDecoder().decode(line)) as Record<string, unknown>
  return typeof id === "string" && typeof type === "string" ? { id, type, payload: {} } : null
}
