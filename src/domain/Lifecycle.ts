/**
 * The life of a function as the documents draw it: REGISTERED → BUILT → DEPLOYED → WARM ⇄ BUSY → IDLE → TERMINATED.
 * The first three are the function's own and are stored; the others follow from its workers and are observed.
 * Illegal steps do not exist: `transition` gives null for them.
 */
export type LifecycleState = "REGISTERED" | "BUILT" | "DEPLOYED" | "WARM" | "BUSY" | "IDLE" | "TERMINATED"

export type LifecycleEvent =
  | "VersionStored"
  | "VersionActivated"
  | "WorkerReady"
  | "InvocationStarted"
  | "InvocationEnded"
  | "IdleTimeoutBegan"
  | "LastWorkerEnded"
  | "FunctionDeleted"

const steps: Readonly<Record<LifecycleState, Partial<Record<LifecycleEvent, LifecycleState>>>> = {
  REGISTERED: { VersionStored: "BUILT", FunctionDeleted: "TERMINATED" },
  BUILT: { VersionStored: "BUILT", VersionActivated: "DEPLOYED", FunctionDeleted: "TERMINATED" },
  DEPLOYED: {
    VersionStored: "DEPLOYED",
    VersionActivated: "DEPLOYED",
    WorkerReady: "WARM",
    FunctionDeleted: "TERMINATED"
  },
  WARM: {
    VersionStored: "WARM",
    VersionActivated: "WARM",
    WorkerReady: "WARM",
    InvocationStarted: "BUSY",
    IdleTimeoutBegan: "IDLE",
    LastWorkerEnded: "DEPLOYED",
    FunctionDeleted: "TERMINATED"
  },
  BUSY: {
    VersionStored: "BUSY",
    VersionActivated: "BUSY",
    WorkerReady: "BUSY",
    InvocationStarted: "BUSY",
    InvocationEnded: "WARM",
    LastWorkerEnded: "DEPLOYED",
    FunctionDeleted: "TERMINATED"
  },
  IDLE: {
    VersionStored: "IDLE",
    VersionActivated: "IDLE",
    WorkerReady: "WARM",
    InvocationStarted: "BUSY",
    LastWorkerEnded: "DEPLOYED",
    FunctionDeleted: "TERMINATED"
  },
  TERMINATED: {}
}

/** The state after the event, or null where the life cycle has no such step. */
export const transition = (state: LifecycleState, event: LifecycleEvent): LifecycleState | null =>
  steps[state][event] ?? null
