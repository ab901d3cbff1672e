import fc from "fast-check"
import { stringify } from "yaml"
import { type CaseContext, CaseFailure } from "../model/Case.ts"

/** One run of a property that takes longer has hung: far beyond what any takes on a busy machine. */
const MOST_RUN_MS = 12_000

/** A case as its file has it: `steps`, and what its suite knows besides (`function`). */
export interface ReplayCase {
  readonly id: string
  readonly title: string
  readonly requirements: ReadonlyArray<string>
  readonly steps: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly [field: string]: unknown
}

/** A case file with one case, which `--cases` takes. */
export const caseFile = (area: string, one: ReplayCase): string =>
  stringify({ area, cases: [one] }, { lineWidth: 110, aliasDuplicateObjects: false })

/**
 * Checks a property by the case's seed and counts its runs. Where it does not hold, the shrunk counterexample is told as a case
 * file that can be saved and run again.
 */
export const checkProperty = async <Ts>(
  property: fc.IAsyncProperty<Ts>,
  {
    context,
    replay,
    runs,
    withinMs
  }: {
    readonly context: CaseContext
    readonly runs: number
    /** For runs and shrinking together, in milliseconds: less than the case's bound, so that what was found is told. */
    readonly withinMs: number
    readonly replay: (counterexample: Ts) => { readonly area: string; readonly case: ReplayCase }
  }
): Promise<void> => {
  const details = await fc.check(property, {
    seed: context.seed,
    numRuns: runs,
    // A run that hangs is a failure of its own, and not what the time-limit would cut short without a word.
    timeout: Math.min(MOST_RUN_MS, withinMs / 2),
    interruptAfterTimeLimit: withinMs,
    endOnFailure: false
  })
  context.ranProperties(details.numRuns)
  context.signal.throwIfAborted()
  if (details.numRuns === 0) throw new CaseFailure(`not one run of the property ended within ${withinMs} ms`)
  if (!details.failed) return
  const { counterexample, errorInstance, numRuns, numShrinks } = details
  if (counterexample === null) {
    throw new CaseFailure(`the property could not be run: ${messageOf(errorInstance)}`)
  }
  const { area, case: one } = replay(counterexample)
  throw new CaseFailure(
    [
      messageOf(errorInstance),
      `found by run ${numRuns}, made smaller ${numShrinks} times (property seed ${context.seed}); as a case for --cases:`,
      "",
      caseFile(area, one).trimEnd()
    ].join("\n"),
    errorInstance instanceof CaseFailure
      ? {
          expected: errorInstance.expected,
          observed: errorInstance.observed,
          ...(errorInstance.requirements === undefined ? {} : { requirements: errorInstance.requirements })
        }
      : {}
  )
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
