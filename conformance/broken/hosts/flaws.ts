import { type Flaw, isObject } from "../servers/Flaw.ts"
import { HOST_VARIABLE } from "./frames.ts"
import type { HostFlaw, Wire } from "./HostFlaw.ts"
import { invocations } from "./flaws/invocations.ts"
import { lines } from "./flaws/lines.ts"
import { outcomes } from "./flaws/outcomes.ts"
import { starts } from "./flaws/starts.ts"

/** Everything that a server can do wrong as the host of its workers, by name. */
export const hosts: Readonly<Record<string, Flaw>> = Object.fromEntries(
  Object.entries({ ...starts, ...lines, ...invocations, ...outcomes }).map(([name, host]) => [name, { host }])
)

/** Not a flaw: on a server that broken hosts share, the relay has said already that the worker runs. */
export const saysReadyOnce = (): HostFlaw => {
  const booted = new WeakSet<Wire>()
  return {
    heard: (line, wire) => {
      if (line.message?.type !== "ready" || booted.has(wire)) return [line]
      booted.add(wire)
      return []
    }
  }
}

/** Not a flaw: on a server that broken hosts share, functions say by their environment to whom their workers belong. */
export const functionsOf = (socket: string): Flaw => ({
  httpBody: (body, { line }) => {
    if (!line.startsWith("POST /api/functions ")) return body
    const settings: unknown = JSON.parse(body.toString())
    if (!isObject(settings)) return body
    const own = isObject(settings["env"]) ? settings["env"] : {}
    return Buffer.from(JSON.stringify({ ...settings, env: { ...own, [HOST_VARIABLE]: socket } }))
  }
})
