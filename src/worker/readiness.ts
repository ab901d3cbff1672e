import { Effect } from "effect"
import { DeploymentFailed } from "../domain/Errors.ts"
import type { Target } from "../domain/Invocation.ts"
import type { ReadyPayload } from "../protocol/worker/Wire.ts"

/** Who is registered without a handler has `handler`, and nobody means the default export by any other name. */
const UNCHOSEN = new Set(["handler", "default"])

/**
 * What a worker's `ready` comes to: whether it can have several invocations in flight. One that names no version is of 1.0,
 * which has no features (WP-048).
 *
 * The default export comes before the one that the function names. Who has named one would wait for it in vain, so that
 * fails, unless both are the same. A worker that does not tell which export answers is believed.
 */
export const readiness = (
  { features, handler: answers, protocol }: ReadyPayload,
  { handler }: Target
): Effect.Effect<boolean, DeploymentFailed> =>
  answers === undefined || answers === handler || UNCHOSEN.has(handler)
    ? Effect.succeed(protocol !== undefined && features?.includes("concurrency") === true)
    : new DeploymentFailed({
        stage: "handler",
        reason:
          `the handler "${handler}" would never be called, because the default export comes first; ` +
          `take the default export away, or make it "${handler}", or register the function without naming a handler`
      })
