import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type LifecycleEvent, type LifecycleState, statesAfter } from "./Lifecycle.ts"

/** Whether a function can go through these states, one event after the other. */
const goes = (
  from: LifecycleState,
  ...way: ReadonlyArray<readonly [LifecycleEvent, LifecycleState]>
): boolean => {
  let state = from
  for (const [event, to] of way) {
    if (!statesAfter(state, event).includes(to)) return false
    state = to
  }
  return true
}

const events: ReadonlyArray<LifecycleEvent> = [
  "VersionStored",
  "VersionActivated",
  "WorkerReady",
  "InvocationStarted",
  "InvocationEnded",
  "IdleTimeoutBegan",
  "WorkerLeft",
  "FunctionDeleted"
]

describe("the life of a function", () => {
  it("goes the way the documents draw", () => {
    expect(
      goes(
        "REGISTERED",
        ["VersionStored", "BUILT"],
        ["VersionActivated", "DEPLOYED"],
        ["WorkerReady", "WARM"],
        ["InvocationStarted", "BUSY"],
        ["InvocationEnded", "WARM"],
        ["IdleTimeoutBegan", "IDLE"],
        ["FunctionDeleted", "TERMINATED"]
      )
    ).toBe(true)
  })

  it("comes back from idleness, and rests as DEPLOYED without workers", () => {
    expect(statesAfter("IDLE", "InvocationStarted")).toEqual(["BUSY"])
    expect(statesAfter("IDLE", "WorkerReady")).toEqual(["WARM"])
    for (const state of ["WARM", "BUSY", "IDLE"] as const)
      expect(statesAfter(state, "WorkerLeft")).toContain("DEPLOYED")
  })

  it("has no step that skips the code: nothing runs before a version is in force", () => {
    for (const state of ["REGISTERED", "BUILT"] as const) {
      for (const event of ["InvocationStarted", "IdleTimeoutBegan"] as const)
        expect(statesAfter(state, event)).toEqual([])
      // The worker in which a deployment tries its code changes nothing.
      expect(statesAfter(state, "WorkerReady")).toEqual([state])
    }
    expect(statesAfter("REGISTERED", "VersionActivated")).toEqual([])
  })

  it("keeps what is in force through further versions", () => {
    for (const state of ["DEPLOYED", "WARM", "BUSY", "IDLE"] as const) {
      expect(goes(state, ["VersionStored", state], ["VersionActivated", state])).toBe(true)
    }
  })

  it("ends for good, from anywhere (property)", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...events), fc.nat(3)), { maxLength: 30 }), (history) => {
        let state: LifecycleState = "REGISTERED"
        for (const [event, which] of history) {
          const next: ReadonlyArray<LifecycleState> = statesAfter(state, event)
          // Out of TERMINATED there is no step.
          expect([state, next.length === 0 || state !== "TERMINATED"]).toEqual([state, true])
          state = next[which % next.length] ?? state
        }
        const end = state === "TERMINATED" ? [state] : statesAfter(state, "FunctionDeleted")
        expect(end).toEqual(["TERMINATED"])
      })
    )
  })
})
