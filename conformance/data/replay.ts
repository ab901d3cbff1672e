import fc from "fast-check"
import { stringify } from "yaml"
import { type CaseContext, CaseFailure, SetUpFailed } from "../model/Case.ts"

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
 * file that can be saved and run again. One whose time was over before all its runs had ended has not been shown to hold: it fails.
 */
export const checkProperty = async <Ts>(
  property: fc.IAsyncProperty<Ts>,
  {
    context,
    replay,
    runs,
    timeoutFactor,
    withinMs: bound,
    mostRunMs = Math.min(MOST_RUN_MS * timeoutFactor, (bound * timeoutFactor) / 2)
  }: {
    readonly context: CaseContext
    readonly runs: number
    /** For runs and shrinking together, in milliseconds: less than the case's bound, so that what was found is told. */
    readonly withinMs: number
    /** Multiplies the bounds. */
    readonly timeoutFactor: number
    /** For one run; default: what `MOST_RUN_MS` says, and no more than half of all. */
    readonly mostRunMs?: number
    readonly replay: (counterexample: Ts) => { readonly area: string; readonly case: ReplayCase }
  }
): Promise<void> => {
  const withinMs = bound * timeoutFactor
  const details = await fc.check(property, {
    seed: context.seed,
    numRuns: runs,
    // A run that hangs is a failure of its own, and not what the time-limit would cut short without a word.
    timeout: mostRunMs,
    interruptAfterTimeLimit: withinMs,
    endOnFailure: false
  })
  context.ranProperties(details.numRuns)
  context.signal.throwIfAborted()
  const { counterexample, errorInstance, numRuns, numShrinks } = details
  const isCut = details.interrupted || (!details.failed && numRuns < runs)
  if (counterexample === null && !details.failed && !isCut) return
  if (counterexample === null && isCut) {
    throw new CaseFailure(
      `${numRuns} of the property's ${runs} runs ended within ${withinMs} ms: give it more time by --timeout-factor`,
      { isLate: true }
    )
  }
  if (counterexample === null) {
    throw new CaseFailure(`the property could not be run: ${messageOf(errorInstance)}`)
  }
  const { area, case: one } = replay(counterexample)
  const words = [
    messageOf(errorInstance),
    `found by run ${numRuns}, made smaller ${numShrinks} times (property seed ${context.seed}); as a case for --cases:`,
    "",
    caseFile(area, one).trimEnd()
  ].join("\n")
  if (messageOf(errorInstance).startsWith("Property timeout")) throw new CaseFailure(words, { isLate: true })
  // no example has to do with it
  if (errorInstance instanceof SetUpFailed) throw errorInstance
  // what is no expectation that failed is not made one here
  if (!(errorInstance instanceof CaseFailure)) throw new Error(words, { cause: errorInstance })
  const { expected, observed, requirements } = errorInstance
  throw new CaseFailure(words, {
    expected,
    observed,
    ...(requirements === undefined ? {} : { requirements })
  })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
