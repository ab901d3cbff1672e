import { Effect } from "effect"
import { LimitExceeded } from "../domain/Errors.ts"

/**
 * Deployments of one function that may wait for the one under way; another is refused with `LimitExceeded`. Registrations,
 * roll-backs and deletions count as well.
 */
export const MAX_WAITING = 16

interface Turn {
  readonly semaphore: Effect.Semaphore
  /** The one under way included. */
  count: number
}

/**
 * One at a time for each key, in the order of arrival; different keys do not wait for each other. A key that nobody uses
 * takes no memory.
 */
export const makeTurns = () => {
  const turns = new Map<string, Turn>()
  return <A, E, R>(key: string, body: Effect.Effect<A, E, R>): Effect.Effect<A, E | LimitExceeded, R> =>
    Effect.acquireUseRelease(
      Effect.suspend(() => {
        const turn = turns.get(key) ?? { semaphore: Effect.unsafeMakeSemaphore(1), count: 0 }
        if (turn.count > MAX_WAITING) {
          return new LimitExceeded({ limit: "deploys", value: MAX_WAITING, retryAfterSeconds: 5 })
        }
        turn.count++
        turns.set(key, turn)
        return Effect.succeed(turn)
      }),
      (turn) => turn.semaphore.withPermits(1)(body),
      (turn) =>
        Effect.sync(() => {
          turn.count--
          if (turn.count === 0) turns.delete(key)
        })
    )
}
