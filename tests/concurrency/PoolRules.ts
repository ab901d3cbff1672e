import type { WorkerSlot } from "../../src/pool/PoolState.ts"

/** What the world outside knows of a worker, without asking the pool. */
export interface KnownWorker {
  phase: "starting" | "ready" | "ending"
  /** Must get nothing new any more. */
  condemned: boolean
  leases: number
  /** Invocations that it was ever given. */
  served: number
  lastWorkAt: number
  readyAt: number
}

/** Says which guarantee was broken; the tests of the broken variants look for its name. */
class GuaranteeBroken extends Error {
  constructor(guarantee: string, detail: unknown) {
    super(`${guarantee}: ${typeof detail === "string" ? detail : JSON.stringify(detail)}`)
  }
}

export const holds = (condition: boolean, guarantee: string, detail: () => unknown): void => {
  if (!condition) throw new GuaranteeBroken(guarantee, detail())
}

const quarantine = (beyond: number): number => Math.min(10_000 * 2 ** beyond, 300_000)

const startWait = (failed: number): number => {
  if (failed === 0) return 0
  return failed < 8 ? 100 * 2 ** (failed - 1) : quarantine(failed - 8)
}

const crashWait = (crashes: number): number => {
  if (crashes <= 3) return 0
  return crashes < 20 ? Math.min(50 * 2 ** (crashes - 4), 250) : quarantine(crashes - 20)
}

type Leaving = WorkerSlot & { readonly _tag: "Draining" | "Stopping" }

export const isLeaving = (slot: WorkerSlot): slot is Leaving =>
  slot._tag === "Draining" || slot._tag === "Stopping"

/** The rules of back-off and quarantine, written down a second time. */
export class BackoffRules {
  startsAllowedFrom = Number.NEGATIVE_INFINITY
  #failedStarts = 0
  #crashes = 0

  startSucceeded(now: number): void {
    this.#failedStarts = 0
    this.startsAllowedFrom = Math.min(this.startsAllowedFrom, now + crashWait(this.#crashes))
  }

  startFailed(now: number): void {
    this.#failedStarts += 1
    this.#backOff(now)
  }

  crashed(now: number): void {
    this.#crashes += 1
    this.#backOff(now)
  }

  wentWell(now: number): void {
    if (this.#crashes === 0) return
    this.#crashes = 0
    if (this.#failedStarts === 0) this.startsAllowedFrom = now
  }

  reset(): void {
    this.#failedStarts = 0
    this.#crashes = 0
    this.startsAllowedFrom = Number.NEGATIVE_INFINITY
  }

  /** Where it is unclear that a worker will do well, one is tried; in quarantine it has to have done so. */
  mostStarting({ ready }: { readonly ready: number }): number {
    if (this.#failedStarts < 8 && this.#crashes >= 20) return ready > 0 ? 0 : 1
    return this.#failedStarts > 0 || this.#crashes > 3 ? 1 : Number.POSITIVE_INFINITY
  }

  #backOff(now: number): void {
    const wait = Math.max(startWait(this.#failedStarts), crashWait(this.#crashes))
    if (wait > 0) this.startsAllowedFrom = now + wait
  }
}
