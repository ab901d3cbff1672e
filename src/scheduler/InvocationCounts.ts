import type { StartCause } from "../domain/ColdStart.ts"
import type { EndCause } from "../domain/EndCause.ts"
import type { FunctionId } from "../domain/Ids.ts"
import type { InvocationRecord } from "../logs/LogPipeline.ts"

/** What became of a function's invocations since the server was started. */
export interface Counts {
  readonly ok: number
  /** By the limit or fault that ended them. */
  readonly failed: { readonly [Cause in EndCause]?: number }
  /** By the reason why their worker was started. */
  readonly cold_starts: { readonly [Cause in StartCause]?: number }
}

interface Tally {
  ok: number
  readonly failed: { [Cause in EndCause]?: number }
  readonly cold_starts: { [Cause in StartCause]?: number }
}

const NOTHING: Counts = { ok: 0, failed: {}, cold_starts: {} }

/** One tally per function that was ever called; a few words each, so that nothing has to be thrown away. */
export class InvocationCounts {
  readonly #tallies = new Map<string, Tally>()

  add({ coldStart, ending, functionId }: InvocationRecord): void {
    let tally = this.#tallies.get(functionId)
    if (tally === undefined) {
      tally = { ok: 0, failed: {}, cold_starts: {} }
      this.#tallies.set(functionId, tally)
    }
    if (ending === null) tally.ok += 1
    else tally.failed[ending.cause] = (tally.failed[ending.cause] ?? 0) + 1
    if (coldStart !== null) tally.cold_starts[coldStart.cause] = (tally.cold_starts[coldStart.cause] ?? 0) + 1
  }

  of(functionId: FunctionId): Counts {
    const tally = this.#tallies.get(functionId)
    return tally === undefined
      ? NOTHING
      : { ok: tally.ok, failed: { ...tally.failed }, cold_starts: { ...tally.cold_starts } }
  }
}
