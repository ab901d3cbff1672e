import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type LifecycleEvent, type LifecycleState, transition } from "./Lifecycle.ts"

const walk = (from: LifecycleState, ...events: ReadonlyArray<LifecycleEvent>): LifecycleState | null =>
  events.reduce<LifecycleState | null>(
    (state, event) => (state === null ? null : transition(state, event)),
    from
  )

const events: ReadonlyArray<LifecycleEvent> = [
  "VersionStored",
  "VersionActivated",
  "WorkerReady",
  "InvocationStarted",
  "InvocationEnded",
  "IdleTimeoutBegan",
  "LastWorkerEnded",
  "FunctionDeleted"
]

describe("the life of a function", () => {
  it("goes the way the documents draw", () => {
    expect(
      walk(
        "REGISTERED",
        "VersionStored",
        "VersionActivated",
        "WorkerReady",
        "InvocationStarted",
        "InvocationEnded",
        "IdleTimeoutBegan",
        "FunctionDeleted"
      )
    ).toBe("TERMINATED")
  })

  it("comes back from idleness, and rests as DEPLOYED without workers", () => {
    expect(walk("IDLE", "InvocationStarted")).toBe("BUSY")
    expect(walk("IDLE", "WorkerReady")).toBe("WARM")
    for (const state of ["WARM", "BUSY", "IDLE"] as const)
      expect(walk(state, "LastWorkerEnded")).toBe("DEPLOYED")
  })

  it("has no step that skips the code: nothing runs before a version is in force", () => {
    for (const event of ["WorkerReady", "InvocationStarted", "IdleTimeoutBegan"] as const) {
      expect(transition("REGISTERED", event)).toBeNull()
      expect(transition("BUILT", event)).toBeNull()
    }
    expect(transition("REGISTERED", "VersionActivated")).toBeNull()
  })

  it("keeps what is in force through further versions", () => {
    for (const state of ["DEPLOYED", "WARM", "BUSY", "IDLE"] as const) {
      expect(walk(state, "VersionStored", "VersionActivated")).toBe(state)
    }
  })

  it("ends for good, from anywhere (property)", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), (history) => {
        let state: LifecycleState = "REGISTERED"
        for (const event of history) {
          const next: LifecycleState | null = transition(state, event)
          // Out of TERMINATED there is no step.
          expect([state, next === null || state !== "TERMINATED"]).toEqual([state, true])
          state = next ?? state
        }
        expect(state === "TERMINATED" ? state : transition(state, "FunctionDeleted")).toBe("TERMINATED")
      })
    )
  })
})
