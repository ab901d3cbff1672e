import { Context, Effect, Layer } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { LimitExceeded } from "../domain/Errors.ts"

/**
 * One account of the bytes that both doors keep for their clients: each body is bounded by itself, and this bounds
 * them all together. HTTP puts down a body, the socket a frame's payload (a body, in base64, is most of it).
 *
 * What is declared is put down before the first byte is kept (a `Content-Length`, a frame's length), the rest as it comes.
 * It stays until the invocation has its outcome, not only until a worker has the body: the text for the worker may wait
 * in its pipe till then. Nothing waits for room: what does not fit is refused (FN_007).
 *
 * A call without a body costs nothing here, one with a body two additions.
 */
export class BodyBudget extends Context.Tag("BodyBudget")<
  BodyBudget,
  {
    readonly limitBytes: number
    /** Bytes that are put down now. */
    readonly held: () => number
    /** Puts down so many bytes; false, and nothing is put down, where they do not fit. */
    readonly take: (bytes: number) => boolean
    /** Once for every `take` that was true. */
    readonly giveBack: (bytes: number) => void
    /** What to tell whoever does not fit. */
    readonly refusal: () => LimitExceeded
  }
>() {}

export const make = (limitBytes: number): BodyBudget["Type"] => {
  let held = 0
  return {
    limitBytes,
    held: () => held,
    take: (bytes) => {
      if (held + bytes > limitBytes) return false
      held += bytes
      return true
    },
    giveBack: (bytes) => {
      held -= bytes
    },
    refusal: () => new LimitExceeded({ limit: "buffered_bytes", value: limitBytes, retryAfterSeconds: 1 })
  }
}

export const layer: Layer.Layer<BodyBudget, never, ServerConfig> = Layer.effect(
  BodyBudget,
  Effect.map(ServerConfig, ({ maxBufferedBytes }) => make(maxBufferedBytes))
)
