import type { HostFlaw, Line, Wire } from "../HostFlaw.ts"
import { messageOf } from "../HostFlaw.ts"

const TYPES = new Set(["ready", "response", "error", "log", "pong", "call", "exited", "fork_failed"])
const FIELDS = new Set(["id", "type", "payload"])
const LEVELS = new Set(["debug", "info", "warn", "error"])
const EMPTY = { status: 200, headers: {}, body: "" }

/** A host that is done with a worker that says such a line. */
const endsAt = (isBad: (line: Line, wire: Wire) => boolean): HostFlaw => ({
  heard: (line, wire) => {
    if (!isBad(line, wire)) return [line]
    wire.discard()
    return []
  }
})

/** Pings that are under way, by worker. */
const pingsUnderWay = (): { readonly flaw: HostFlaw; readonly has: (wire: Wire, id: string) => boolean } => {
  const ids = new WeakMap<Wire, Set<string>>()
  return {
    flaw: {
      said: (message, wire) => {
        if (message.type === "ping") ids.set(wire, (ids.get(wire) ?? new Set()).add(message.id))
        return [message]
      }
    },
    has: (wire, id) => ids.get(wire)?.delete(id) === true
  }
}
const pings = pingsUnderWay()

/** A host that takes each read for whole lines, and is done with a worker where one is not. */
const readsAreLines: HostFlaw = {
  read: (bytes, wire) => {
    const isWhole = bytes.at(-1) === 10
    if (!isWhole) wire.discard()
    return isWhole ? bytes : null
  }
}

const isMalformedAnswer = ({ message }: Line): boolean => {
  if (message?.type !== "response") return false
  const { body, headers, status } = message.payload
  return (
    !Number.isInteger(status) ||
    Number(status) < 200 ||
    Number(status) > 599 ||
    typeof body !== "string" ||
    Object.values(headers ?? {}).some((value) => typeof value === "number")
  )
}

const isMalformedNote = ({ message }: Line): boolean =>
  (message?.type === "log" &&
    (typeof message.payload["message"] !== "string" || !LEVELS.has(String(message.payload["level"])))) ||
  (message?.type === "call" && typeof message.payload["call_id"] !== "string") ||
  (message?.type === "error" && typeof message.payload["code"] !== "string")

/** What hosts do wrong with the lines that they read. */
export const lines: Readonly<Record<string, HostFlaw>> = {
  // WP-009
  "hears-stderr": {
    noted: (bytes, wire) => {
      for (const text of bytes.toString().split("\n")) {
        const message = messageOf(Buffer.from(text))
        if (message !== null) wire.toHost(message)
      }
    }
  },
  // WP-013
  "takes-reads-for-lines": readsAreLines,
  // WP-017
  "passes-over-endless-lines": { dropsLongLines: true },
  // WP-022
  "ends-workers-at-stray-output": endsAt(({ message }) => message === null),
  // WP-033
  "ends-workers-at-unknown-types": endsAt(({ message }) => message !== null && !TYPES.has(message.type)),
  // WP-035
  "ends-workers-at-unknown-fields": endsAt(
    ({ message }) => message !== null && Object.keys(message).some((name) => !FIELDS.has(name))
  ),
  // WP-037
  "mends-malformed-answers": {
    heard: (line) =>
      isMalformedAnswer(line) && line.message !== null ? [{ ...line.message, payload: EMPTY }] : [line]
  },
  "passes-over-malformed-messages": { heard: (line) => (isMalformedNote(line) ? [] : [line]) },
  // WP-136
  "ends-workers-at-stray-pongs": {
    ...pings.flaw,
    ...endsAt(({ message }, wire) => message?.type === "pong" && !pings.has(wire, message.id))
  }
}
