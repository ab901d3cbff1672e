import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { stateOf } from "../../src/deploy/FunctionInForce.ts"
import { type LifecycleEvent, type LifecycleState, statesAfter } from "../../src/domain/Lifecycle.ts"
import * as PoolState from "../../src/pool/PoolState.ts"
import { poolKeepsItsGuarantees } from "./PoolHistories.ts"
import type { PoolMachine } from "./PoolModel.ts"

/** What an event of the pool is in the life of its function. */
const lifecycleEvents: Readonly<Record<PoolState.PoolEvent["_tag"], LifecycleEvent | null>> = {
  WorkerReady: "WorkerReady",
  Leased: "InvocationStarted",
  Released: "InvocationEnded",
  // Each of these ends workers, or may.
  StartFailed: "WorkerLeft",
  WorkerLost: "WorkerLeft",
  Condemned: "WorkerLeft",
  WorkerExited: "WorkerLeft",
  Tick: "WorkerLeft",
  Retired: "WorkerLeft",
  DemandChanged: "WorkerLeft",
  WorkersWanted: "WorkerLeft",
  // The settings of a function in force do not change; with other bounds other workers count as idle.
  Reset: null,
  LimitsChanged: null
}

const step = (from: LifecycleState, event: LifecycleEvent, to: LifecycleState): void => {
  if (!statesAfter(from, event).includes(to))
    throw new Error(`${from} --${event}--> ${to} is no step of the life cycle`)
}

describe("what a function's state is said to be", () => {
  it("takes only steps of the life cycle, over any history of its workers", () => {
    const seen = new Set<LifecycleState>()
    const observed = (state: PoolState.PoolState, now: number): LifecycleState => {
      const found = stateOf("deployed", PoolState.counts(state, now))
      seen.add(found)
      return found
    }
    // The instant that each state is of: the model also asks what would happen later.
    const since = new WeakMap<PoolState.PoolState, number>()
    const watched: PoolMachine = {
      ...PoolState,
      transition: (state, event, now) => {
        const before = observed(state, since.get(state) ?? now)
        // Before the event, time has passed.
        const due = observed(state, now)
        if (due !== before) step(before, "IdleTimeoutBegan", due)
        const next = PoolState.transition(state, event, now)
        if (next.state !== state) since.set(next.state, now)
        const named = lifecycleEvents[event._tag]
        if (named !== null) step(due, named, observed(next.state, now))
        return next
      }
    }
    fc.assert(poolKeepsItsGuarantees(watched), { numRuns: 2_000 })
    expect([...seen].sort()).toEqual(["BUSY", "DEPLOYED", "IDLE", "WARM"])
  })

  it("takes only steps of the life cycle when versions come and go", () => {
    const workers = fc.record({
      starting: fc.nat(2),
      warm: fc.nat(2),
      // Nothing is invoked before a version is in force.
      busy: fc.constant(0),
      idle: fc.nat(2),
      draining: fc.nat(2)
    })
    fc.assert(
      fc.property(workers, fc.nat(2), (counts, busy) => {
        step(stateOf("registered", counts), "VersionStored", stateOf("built", counts))
        step(stateOf("built", counts), "VersionStored", stateOf("built", counts))
        step(stateOf("built", counts), "VersionActivated", stateOf("deployed", counts))
        for (const status of ["registered", "built"] as const)
          step(stateOf(status, counts), "FunctionDeleted", stateOf("deleted", counts))
        const working = { ...counts, busy }
        for (const event of ["VersionStored", "VersionActivated"] as const)
          step(stateOf("deployed", working), event, stateOf("deployed", working))
        step(stateOf("deployed", working), "FunctionDeleted", stateOf("deleted", working))
      })
    )
  })
})
