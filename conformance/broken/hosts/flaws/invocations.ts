import { type HostFlaw, type Message, type Wire, withPayload } from "../HostFlaw.ts"

/** A flaw of messages of the host. */
const says = (type: string, change: (message: Message, wire: Wire) => Message | null): HostFlaw => ({
  said: (message, wire) => {
    const changed = message.type === type ? change(message, wire) : message
    return changed === null ? [] : [changed]
  }
})

const cancelsFor = (reason: string, change: (message: Message) => Message | null): HostFlaw =>
  says("cancel", (message) => (message.payload["reason"] === reason ? change(message) : message))

const invokes = (change: (payload: Message["payload"]) => Message["payload"]): HostFlaw =>
  says("invoke", (message) => ({ ...message, payload: change(message.payload) }))

const queryOf = (url: string): ReadonlyArray<readonly [string, string]> => [
  ...new URLSearchParams(url.split("?")[1] ?? "")
]

const capitals = (name: string): string => name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())

const headersOf = (payload: Message["payload"]): Readonly<Record<string, string>> =>
  (payload["headers"] ?? {}) as Record<string, string>

/** Gives every invocation the id that its client brought; what is answered under it goes to the oldest. */
const oneIdForAll = (): HostFlaw => {
  const own = new WeakMap<Wire, Map<string, Array<string>>>()
  return {
    said: (message, wire) => {
      const id = headersOf(message.payload)["x-invocation-id"]
      if (message.type !== "invoke" || id === undefined) return [message]
      const ids = own.get(wire) ?? new Map<string, Array<string>>()
      own.set(wire, ids)
      ids.set(id, [...(ids.get(id) ?? []), message.id])
      return [{ ...message, id }]
    },
    heard: (line, wire) => {
      const { message } = line
      if (message?.type !== "response" && message?.type !== "error") return [line]
      const id = own.get(wire)?.get(message.id)?.shift()
      return [id === undefined ? line : { ...message, id }]
    }
  }
}

/** What hosts do wrong with what they send. */
export const invocations: Readonly<Record<string, HostFlaw>> = {
  // WP-130
  "keeps-leaving-to-itself": cancelsFor("client_gone", () => null),
  "says-deadline-of-who-has-left": cancelsFor("client_gone", (message) =>
    withPayload(message, { reason: "deadline" })
  ),
  // WP-131
  "keeps-deadlines-to-itself": cancelsFor("deadline", () => null),
  // WP-175
  "leaves-out-what-is-empty": invokes((payload) =>
    Object.fromEntries(
      Object.entries(payload).filter(([, value]) => !["{}", '""'].includes(JSON.stringify(value)))
    )
  ),
  // WP-176
  "sends-equal-ids": oneIdForAll(),
  // WP-177
  "sends-decoded-addresses": invokes((payload) => ({
    ...payload,
    url: decodeURIComponent(String(payload["url"]))
  })),
  // WP-178
  "first-value-of-a-key": invokes((payload) => ({
    ...payload,
    query: Object.fromEntries(queryOf(String(payload["url"])).toReversed())
  })),
  "lists-in-queries": invokes((payload) => {
    const pairs = queryOf(String(payload["url"]))
    const valuesOf = (key: string) => pairs.flatMap(([name, value]) => (name === key ? [value] : []))
    return { ...payload, query: Object.fromEntries(pairs.map(([key]) => [key, valuesOf(key)])) }
  }),
  // WP-179
  "headers-in-capitals": invokes((payload) => ({
    ...payload,
    headers: Object.fromEntries(
      Object.entries(headersOf(payload)).map(([name, value]) => [capitals(name), value])
    )
  })),
  // WP-180
  "always-the-whole-time": invokes((payload) => ({ ...payload, deadline_ms: 5_000 })),
  "overdraws-the-time": invokes((payload) => ({
    ...payload,
    deadline_ms: payload["deadline_ms"] === 0 ? -3 : payload["deadline_ms"]
  }))
}
