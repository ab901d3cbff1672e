import { type HostFlaw, type Message, type Wire, withPayload } from "../HostFlaw.ts"

const READY: Message = {
  id: "",
  type: "ready",
  payload: {
    protocol: "1.1",
    runtime: "quickjs-ng",
    features: ["load", "concurrency", "cancel", "ping"]
  }
}

/** A flaw of what the host makes of what a worker announces. */
const announced = (change: (ready: Message, wire: Wire) => Message | null): HostFlaw => ({
  heard: (line, wire) => {
    if (line.message?.type !== "ready") return [line]
    const changed = change(line.message, wire)
    return changed === null ? [] : changed === line.message ? [line] : [changed]
  }
})

const featuresOf = ({ payload }: Message): ReadonlyArray<string> =>
  Array.isArray(payload["features"]) ? (payload["features"] as Array<string>) : []

/** The host takes every worker of 1.1 for one with this feature. */
const assumes = (feature: string): HostFlaw =>
  announced((ready) =>
    ready.payload["protocol"] === undefined || featuresOf(ready).includes(feature)
      ? ready
      : withPayload(ready, { features: [...featuresOf(ready), feature] })
  )

const KNOWN = new Set(["concurrency", "cancel", "ping", "load", "call", "fork", "stream"])

/** How often each worker has said ready: a first time when it runs, again when it has loaded its bundle. */
const counting = () => {
  const readies = new WeakMap<Wire, number>()
  return (wire: Wire): number => {
    const count = (readies.get(wire) ?? 0) + 1
    readies.set(wire, count)
    return count
  }
}

const believesEveryLoad = (): HostFlaw => {
  const count = counting()
  return {
    ...announced((ready, wire) => (count(wire) === 1 ? ready : null)),
    said: (message, wire) => {
      if (message.type === "load") wire.toHost(READY)
      return [message]
    }
  }
}

const leavesSilentWorkers = (): HostFlaw => {
  const loading = new WeakSet<Wire>()
  const count = counting()
  return {
    said: (message, wire) => {
      if (message.type === "load") loading.add(wire)
      return [message]
    },
    heard: (line, wire) => {
      if (line.message?.type === "ready" && count(wire) > 1) loading.delete(wire)
      return [line]
    },
    keeps: (wire) => loading.has(wire)
  }
}

const forgivesReady = (): HostFlaw => {
  const count = counting()
  return announced((ready, wire) => (count(wire) <= 2 ? ready : null))
}

/** What hosts do wrong with workers that start, and with what those announce. */
export const starts: Readonly<Record<string, HostFlaw>> = {
  // WP-048
  "believes-features-without-a-version": announced((ready) =>
    ready.payload["protocol"] === undefined ? withPayload(ready, { protocol: "1.1" }) : ready
  ),
  // WP-049, WP-052
  "takes-load-for-ready": believesEveryLoad(),
  // WP-050
  "ends-workers-of-unknown-features": announced((ready, wire) => {
    if (featuresOf(ready).every((name) => KNOWN.has(name))) return ready
    wire.discard()
    return null
  }),
  // WP-051
  "cancels-every-worker": assumes("cancel"),
  "pings-every-worker": assumes("ping"),
  // WP-052
  "leaves-silent-workers": leavesSilentWorkers(),
  // WP-053
  "forgives-a-second-ready": forgivesReady(),
  // WP-122
  "sends-many-to-every-worker": assumes("concurrency")
}
