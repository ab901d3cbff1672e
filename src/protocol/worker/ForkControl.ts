import { Either, Schema } from "effect"
import { decodeWorkerMessage } from "./decodeWorkerMessage.ts"
import type { WorkerMessage } from "./Wire.ts"

/**
 * What a fork server says on its control channel: one JSON object a line, like a worker. The first is `ready` (feature
 * `fork`) once it listens, or `error` where it could not load the bundle that it was to have loaded.
 *
 * What only fork servers say is told at most once per worker's life, so the Schemas decode it themselves.
 */

/** A forked worker has ended and was reaped. */
export const Exited = Schema.Struct({
  type: Schema.Literal("exited"),
  payload: Schema.Struct({
    pid: Schema.Int.pipe(Schema.positive()),
    /** Exit code; null when a signal ended it. */
    code: Schema.NullOr(Schema.Int),
    /** The signal's name, e.g. `SIGKILL`; null when it exited. */
    signal: Schema.NullOr(Schema.String),
    /** The most memory it had resident, in KiB: tells a memory death from others. */
    max_rss_kb: Schema.optional(Schema.Finite)
  })
})

/** A connection could not become a worker, and was closed. */
export const ForkFailed = Schema.Struct({
  type: Schema.Literal("fork_failed"),
  payload: Schema.Struct({
    /** E.g. `EAGAIN`. */
    errno: Schema.String
  })
})

const ForkOnly = Schema.Union(Exited, ForkFailed)
type ForkOnly = typeof ForkOnly.Type

export type ForkMessage = ForkOnly | Extract<WorkerMessage, { readonly type: "ready" | "error" | "log" }>

const decode = Schema.decodeUnknownEither(Schema.parseJson(ForkOnly))
const text = new TextDecoder()

/** One line of a control channel; null where it is none of these messages (it is passed over). Never throws. */
export const decodeForkMessage = (line: Uint8Array): ForkMessage | null => {
  const decoded = decodeWorkerMessage(line)
  switch (decoded._tag) {
    case "message": {
      const { message } = decoded
      return message.type === "ready" || message.type === "error" || message.type === "log" ? message : null
    }
    case "ignored":
      return Either.getOrNull(decode(text.decode(line)))
    case "invalid":
    case "stray":
      return null
  }
}
