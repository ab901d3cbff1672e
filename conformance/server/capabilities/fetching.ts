import type { Bench } from "../Bench.ts"
import { check, holds } from "../check.ts"
import type { Fn } from "../Door.ts"

/** Capabilities with all six fields. */
export const profile = (
  name: "strict" | "permissive" | "custom",
  more: Readonly<Record<string, unknown>> = {}
): Readonly<Record<string, unknown>> => ({
  profile: name,
  read_paths: [],
  write_paths: [],
  domains: [],
  child_processes: false,
  eval: false,
  ...more
})

/** The fixture on `quickjs-ng` with these capabilities; shared by cases that name the same. */
export const confined = (
  bench: Bench,
  capabilities: Readonly<Record<string, unknown>> | null,
  settings: Readonly<Record<string, unknown>> = {}
): Promise<Fn> =>
  bench.server.sharedFn({
    runtime: "quickjs-ng",
    ...(capabilities === null ? {} : { capabilities }),
    concurrency: 20,
    ...settings
  })

/** How a `fetch` of a function ended. */
export interface Fetched {
  readonly status?: number
  readonly text?: string
  readonly headers?: ReadonlyArray<readonly [string, string]>
  /** The name of what it rejected with. */
  readonly error?: string
  /** Whether that is a TypeError. */
  readonly type?: boolean
  readonly code?: string | null
  readonly message?: string
}

/** What `/do/fetch` of the fixture says of a `fetch` with these arguments; `bytes` is the length of a body of zeros. */
export const fetching = async (
  fn: Fn,
  url: string,
  init: Readonly<Record<string, unknown>> = {},
  bytes?: number
): Promise<Fetched> => {
  const response = await fn.http("/do/fetch", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ url, init, ...(bytes === undefined ? {} : { bytes }) })
  })
  check(`the status of a function that fetches ${url}`, 200, response.status)
  return response.json() as Fetched
}

export const REACHED = { status: 200, text: "reached" }
/** What a `fetch` that the capabilities do not allow rejects with. */
export const DENIED = { error: "TypeError", type: true, code: "PERMISSION_DENIED" }
/** What any other failure is. */
export const FAILED = { type: true, code: { $not: "PERMISSION_DENIED" } }

/** That it was not refused for its host: whether anybody is there, and the name known, is another matter. */
export const isLetThrough = (what: string, fetched: Fetched): void =>
  holds(`${what} was refused`, fetched.code !== "PERMISSION_DENIED", fetched)
