/**
 * The life of a function as the documents draw it: REGISTERED → BUILT → DEPLOYED → WARM ⇄ BUSY → IDLE → TERMINATED.
 * The first three are the function's own and are stored; the others follow from its workers and are observed (`stateOf`).
 *
 * No code runs on this table: it says which steps `stateOf` may take, and generated histories of pools hold it to that.
 */
export type LifecycleState = "REGISTERED" | "BUILT" | "DEPLOYED" | "WARM" | "BUSY" | "IDLE" | "TERMINATED"

export type LifecycleEvent =
  | "VersionStored"
  | "VersionActivated"
  | "WorkerReady"
  | "InvocationStarted"
  | "InvocationEnded"
  | "IdleTimeoutBegan"
  /** It ended, or was told to end: it takes nothing new. */
  | "WorkerLeft"
  | "FunctionDeleted"

type Steps = Partial<Record<LifecycleEvent, ReadonlyArray<LifecycleState>>>

/** What does not depend on workers. */
const stored = (state: LifecycleState): Steps => ({
  VersionStored: [state],
  VersionActivated: [state],
  FunctionDeleted: ["TERMINATED"]
})

/** A function has many workers: what one event leads to depends on the others, so there may be several states. */
const steps: Readonly<Record<LifecycleState, Steps>> = {
  // A deployment tries its code in a worker before anything changes.
  REGISTERED: {
    VersionStored: ["BUILT"],
    WorkerReady: ["REGISTERED"],
    WorkerLeft: ["REGISTERED"],
    FunctionDeleted: ["TERMINATED"]
  },
  BUILT: {
    VersionStored: ["BUILT"],
    // With the worker that tried it, if that is still there.
    VersionActivated: ["DEPLOYED", "WARM", "IDLE"],
    WorkerReady: ["BUILT"],
    WorkerLeft: ["BUILT"],
    FunctionDeleted: ["TERMINATED"]
  },
  DEPLOYED: {
    ...stored("DEPLOYED"),
    // A worker of a version that was replaced may leave as soon as it is ready.
    WorkerReady: ["WARM", "DEPLOYED"],
    // The last invocations of workers that are on their way out.
    InvocationEnded: ["DEPLOYED"],
    WorkerLeft: ["DEPLOYED"]
  },
  WARM: {
    ...stored("WARM"),
    WorkerReady: ["WARM"],
    InvocationStarted: ["BUSY"],
    InvocationEnded: ["WARM"],
    IdleTimeoutBegan: ["IDLE"],
    WorkerLeft: ["WARM", "IDLE", "DEPLOYED"]
  },
  BUSY: {
    ...stored("BUSY"),
    WorkerReady: ["BUSY"],
    InvocationStarted: ["BUSY"],
    // A worker that has one invocation in its life ends with it, and leaves the others as they are.
    InvocationEnded: ["BUSY", "WARM", "IDLE", "DEPLOYED"],
    WorkerLeft: ["BUSY", "WARM", "IDLE", "DEPLOYED"]
  },
  IDLE: {
    ...stored("IDLE"),
    WorkerReady: ["WARM"],
    InvocationStarted: ["BUSY"],
    InvocationEnded: ["IDLE"],
    WorkerLeft: ["IDLE", "DEPLOYED"]
  },
  TERMINATED: {}
}

/** The states that the event can lead to; empty where the life cycle has no such step. */
export const statesAfter = (state: LifecycleState, event: LifecycleEvent): ReadonlyArray<LifecycleState> =>
  steps[state][event] ?? []
