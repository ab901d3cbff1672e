import type { WorkerSession } from "./session/WorkerSession.ts"

/** What the steps of one case have: its worker, and where the functions lie. */
export interface CaseRoom {
  readonly session: WorkerSession
  /** The path of a fixture function in the target's language. */
  readonly pathOf: (name: string) => string
}
