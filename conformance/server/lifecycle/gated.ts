import type { HttpResponse } from "../client/HttpResponse.ts"
import { check } from "../check.ts"
import type { Door, Fn } from "../Door.ts"
import type { Upstream } from "../Upstream.ts"

/** What lets functions reach an upstream on either runtime. */
export const PERMISSIVE = {
  profile: "permissive",
  read_paths: [],
  write_paths: [],
  domains: [],
  child_processes: false,
  eval: false
}

/** What a gated function says of itself. */
export interface Said {
  readonly version: string
  /** The worker's own mark. */
  readonly worker: string
  /** Its process, on bun. */
  readonly pid: number | null
  /** How many invocations it has had, this one included. */
  readonly count: number
  /** How many it had in flight at most. */
  readonly most: number
  /** What its environment says. */
  readonly env: Readonly<Record<string, string>>
}

/**
 * A bundle that tells which version it is. `?hold=GATE` makes an invocation wait at the upstream's gate; with `load` the bundle
 * itself waits there while it is loaded.
 */
export const gatedSource = (version: string, upstream: Upstream | null, load?: string): string => `
const at = ${JSON.stringify(upstream?.url("/hold/") ?? "")}
${load === undefined ? "" : `await (await fetch(at + ${JSON.stringify(load)})).text()`}
const worker = crypto.randomUUID()
const pid = globalThis.Bun === undefined ? null : process.pid
let count = 0
let inside = 0
let most = 0
export default async (request) => {
  count += 1
  inside += 1
  most = Math.max(most, inside)
  const said = { version: ${JSON.stringify(version)}, worker, pid, count }
  const gate = new URL(request.url).searchParams.get("hold")
  await request.arrayBuffer()
  if (gate !== null) await (await fetch(at + gate)).text()
  inside -= 1
  return Response.json({ ...said, most, env: { ...process.env } })
}
`

/** A deployed gated function. */
export const gatedFn = (
  door: Door,
  runtime: string,
  upstream: Upstream | null,
  settings: Readonly<Record<string, unknown>> = {}
): Promise<Fn> =>
  door.fn({ runtime, source: gatedSource("v1", upstream), capabilities: PERMISSIVE, ...settings })

/** A call that has to succeed. */
export const say = async (fn: Fn, path = "/"): Promise<Said> => {
  const { status, text } = await fn.call(path)
  check(`the status of ${path}: ${text.slice(0, 300)}`, 200, status)
  return JSON.parse(text) as Said
}

/** Begins a call that waits at the gate, and resolves when it does. */
export const held = async (
  fn: Fn,
  upstream: Upstream,
  gate: string,
  count = 1
): Promise<{ readonly said: Promise<Said> }> => {
  const said = say(fn, `/?hold=${gate}`)
  said.catch(() => {})
  await Promise.race([said, upstream.untilWaiting(gate, count)])
  return { said }
}

/** A deployment over HTTP that may be refused. */
export const tryDeploy = (door: Door, name: string, version: string, bundle: string): Promise<HttpResponse> =>
  door.api("POST", `/functions/${name}/deploy`, { version, bundle })
