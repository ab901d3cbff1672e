import { describe, expect, it } from "vitest"
import { targetOf } from "../../tests/support/ScheduledService.ts"
import type { WorkerId } from "../domain/Ids.ts"
import { poolLimits } from "./poolLimits.ts"
import * as PoolState from "./PoolState.ts"

const ID = "w1-1" as WorkerId

/** A pool with one warm worker. */
const warmPool = (): PoolState.PoolState => {
  const limits = poolLimits(targetOf({ limits: { max_workers: 2, warm_workers: 1 } }))
  const started = PoolState.transition(PoolState.initial(limits, "w1-"), { _tag: "Tick" }, 0)
  return PoolState.transition(started.state, { _tag: "WorkerReady", worker: ID, concurrency: 1 }, 1).state
}

describe("a worker that was lost", () => {
  it.each(["memory", "fault"] as const)("is stopped for it, and made up for: %s", (why) => {
    const { actions, state } = PoolState.transition(warmPool(), { _tag: "WorkerLost", worker: ID, why }, 2)
    expect(actions).toEqual([
      { _tag: "Stop", worker: ID, why },
      { _tag: "Start", worker: "w1-2", cause: "after_crash" }
    ])
    expect(state.workers).toMatchObject([
      { id: ID, _tag: "Stopping", why },
      { id: "w1-2", _tag: "Starting" }
    ])
    // Code that outgrows its memory again and again is a crash loop like any other.
    expect(state.crashes).toBe(1)
  })
})
