/** RFC 2119: how binding a requirement is. The negated keywords count as their plain ones. */
export type Level = "MUST" | "SHOULD" | "MAY"

/**
 * Whom a requirement binds. `worker`: the process that runs a function. `host`: whoever starts workers and speaks to them.
 * `server`: what clients see, by HTTP and socket.
 */
export type Role = "worker" | "host" | "server"

/** One requirement of the specification, as `spec/requirements.json` has it. */
export interface Requirement {
  /** Never reused: `WP-012`. */
  readonly id: string
  readonly title: string
  readonly level: Level
  /** The one sentence. */
  readonly text: string
  /** The document that it stands in, without its extension: `worker-protocol`. */
  readonly area: string
  /** Where its heading stands, from the project's root. */
  readonly file: string
  readonly line: number
  readonly roles: ReadonlyArray<Role>
  /** The version of its protocol that brought it: `1.0`, `1.1`. */
  readonly since: string
  /** It binds only those that announce this feature (or, for servers, have this trait); null: all. */
  readonly feature: string | null
  /** It is about functions in JavaScript: workers of other languages are not bound. */
  readonly javascript: boolean
}
