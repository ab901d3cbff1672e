import type { HostFlaw, Message, Wire } from "../HostFlaw.ts"

const CODES = new Set([
  "HANDLER_ERROR",
  "INVALID_RESPONSE",
  "RESPONSE_TOO_LARGE",
  "CANCELLED",
  "OUT_OF_MEMORY",
  "BUNDLE_LOAD_ERROR",
  "NO_HANDLER"
])

const isAnswer = (message: Message | null): message is Message =>
  message !== null && (message.type === "response" || (message.type === "error" && message.id !== ""))

/** A flaw of answers with an id that is not in flight. */
const ghosts = (change: (ghost: Message, wire: Wire) => Message | null): HostFlaw => ({
  heard: (line, wire) => {
    if (!isAnswer(line.message) || wire.inFlight.has(line.message.id)) return [line]
    const changed = change(line.message, wire)
    return changed === null ? [] : [changed]
  }
})

/** A flaw of the results of calls. */
const results = (change: (result: Message) => ReadonlyArray<Message>): HostFlaw => ({
  said: (message) => (message.type === "result" ? change(message) : [message])
})

const wellDone = (call: unknown): Message["payload"] => ({
  call_id: call,
  ok: true,
  response: { status: 200, status_text: "OK", url: "", redirected: false, headers: {}, body: "" }
})

/** A worker that missed a deadline gets the next invocations of its bundle. */
const usesLateWorkers = (): HostFlaw => {
  const bundles = new WeakMap<Wire, unknown>()
  const late = new Map<unknown, Wire>()
  const readies = new WeakMap<Wire, Message>()
  const isLate = (wire: Wire): boolean => late.get(bundles.get(wire)) === wire
  return {
    heard: (line, wire) => {
      if (line.message?.type === "ready") readies.set(wire, line.message)
      return [line]
    },
    said: (message, wire) => {
      if (message.type === "cancel" && message.payload["reason"] === "deadline")
        late.set(bundles.get(wire), wire)
      if (message.type === "shutdown" && isLate(wire)) return []
      if (message.type !== "load") return [message]
      const bundle = message.payload["bundle_path"]
      bundles.set(wire, bundle)
      const kept = late.get(bundle)
      const ready = kept === undefined ? undefined : readies.get(kept)
      if (kept === undefined || ready === undefined) return [message]
      late.delete(bundle)
      wire.takeOver(kept)
      wire.toHost(ready)
      return []
    },
    keeps: isLate
  }
}

const answerAll = (wire: Wire): void => {
  for (const id of wire.inFlight.keys())
    wire.toHost({ id, type: "response", payload: { status: 200, headers: {}, body: "" } })
}

/** What hosts do wrong with what workers answer, and with workers that end. */
export const outcomes: Readonly<Record<string, HostFlaw>> = {
  // WP-109
  "ends-workers-at-unknown-codes": {
    heard: (line, wire) => {
      const { message } = line
      if (message?.type !== "error" || CODES.has(String(message.payload["code"]))) return [line]
      wire.discard()
      return []
    }
  },
  // WP-157
  "sends-results-twice": results((result) => [result, result]),
  "loses-results": results((result) => (result.payload["call_id"] === "c2" ? [] : [result])),
  // WP-158
  "says-it-did-what-it-does-not-know": {
    heard: (line, wire) => {
      const { message } = line
      if (message?.type !== "call" || message.payload["name"] === "fetch") return [line]
      wire.toWorker({ ...message, type: "result", payload: wellDone(message.payload["call_id"]) })
      return []
    }
  },
  "leaves-unknown-calls-open": {
    heard: (line) => {
      const { message } = line
      return message?.type === "call" && message.payload["name"] !== "fetch" ? [] : [line]
    }
  },
  // WP-159
  "ends-fetches-well": results((result) => [
    result.payload["ok"] === true ? result : { ...result, payload: wellDone(result.payload["call_id"]) }
  ]),
  "leaves-fetches-open": results((result) => (result.payload["ok"] === true ? [result] : [])),
  // WP-170
  "passes-over-ghosts": ghosts(() => null),
  // WP-171
  "gives-ghosts-to-the-oldest": ghosts((ghost, { inFlight }) => {
    const [oldest] = inFlight.keys()
    return oldest === undefined ? null : { ...ghost, id: oldest }
  }),
  // WP-172
  "uses-late-workers": usesLateWorkers(),
  // WP-173
  "answers-for-the-dead": { workerEnded: answerAll },
  "answers-for-the-broken": ghosts((_, wire) => {
    answerAll(wire)
    wire.discard()
    return null
  }),
  // WP-174
  "ends-all-workers-together": {
    workerEnded: (wire) => {
      for (const other of wire.all) if (other !== wire) other.discard()
    }
  }
}
