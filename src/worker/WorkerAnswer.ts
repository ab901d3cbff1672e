import type { MemoryReading } from "../domain/MemoryReading.ts"
import type { ErrorPayload, ResponsePayload } from "../protocol/worker/Wire.ts"

/** Why a worker can no longer be trusted with anything. */
export interface WorkerFault {
  /** `memory`: it was ended because it was at its memory limit (FN_003), as far as that can be told from outside. */
  readonly kind: "protocol" | "exit" | "signal" | "memory"
  /** For people: what happened, e.g. `exited with code 3`, `answered an id that was not asked`. */
  readonly reason: string
  readonly exitCode?: number
  readonly signal?: string
  /** `memory`: what it had, where that was measured. */
  readonly memory?: MemoryReading
}

/** How one invocation ended on its worker. */
export type WorkerAnswer =
  /** `body` is the payload's, decoded. */
  | { readonly _tag: "Response"; readonly payload: ResponsePayload; readonly body: Uint8Array }
  | { readonly _tag: "Error"; readonly payload: ErrorPayload }
  /** The worker was lost while it had the invocation. */
  | { readonly _tag: "Lost"; readonly fault: WorkerFault }
