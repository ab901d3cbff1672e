import { Either } from "effect"
import fc from "fast-check"
import { stringify } from "yaml"
import { playSteps, type Step } from "../../data/steps.ts"
import { type Case, type CaseContext, CaseFailure, type Needs } from "../../model/Case.ts"
import { workerSteps } from "../steps/kinds.ts"
import type { CaseRoom } from "../CaseRoom.ts"
import type { WorkerSession } from "../session/WorkerSession.ts"
import type { WorkerTarget } from "../WorkerTarget.ts"

/** A step as a case file has it. */
export type StepData = Readonly<Record<string, unknown>>

/** Steps that a model made: what is said, and what has to come of it. */
export interface PropertyDefinition {
  /** The id's last word. */
  readonly name: string
  readonly title: string
  readonly requirements: ReadonlyArray<string>
  readonly needs?: Needs
  readonly function: string
  /** As many as it has by itself. */
  readonly runs: number
  /** Each run has a worker of its own. */
  readonly freshWorker?: boolean
  /** For a target with these features. */
  readonly steps: (features: ReadonlyArray<string>) => fc.Arbitrary<ReadonlyArray<StepData>>
}

/** How long a counterexample is made smaller, in milliseconds. */
const SHRINK_MS = 10_000

/** Makes steps of data playable. Throws where the model made what is no step. */
export const stepsOf = (data: ReadonlyArray<StepData>): ReadonlyArray<Step<CaseRoom>> =>
  data.map((one, index) => {
    const [name = ""] = Object.keys(one)
    const kind = workerSteps.find((each) => each.name === name)
    const read = kind?.read(one[name]) ?? Either.left([{ path: [], message: `there is no step ${name}` }])
    if (Either.isLeft(read)) {
      const why = read.left.map(({ path, message }) => `${path.join(".")}: ${message}`)
      throw new Error(`a model made a step that is none: ${JSON.stringify(one)}: ${why.join("; ")}`)
    }
    return { name, place: { file: "step", line: index + 1, column: 1 }, play: read.right }
  })

/** A case file with these steps, for `--cases`. */
export const replayFile = (
  { name, title, requirements, needs, function: functionName }: PropertyDefinition,
  seed: number,
  steps: ReadonlyArray<StepData>
): string =>
  stringify(
    {
      area: "replay",
      cases: [
        {
          id: `${name}-${seed}`,
          title: `${title}: a counterexample`,
          requirements,
          ...(needs === undefined ? {} : { needs }),
          function: functionName,
          steps
        }
      ]
    },
    // strings as JSON has them: a lone surrogate has no other form, and no word may be taken for something else
    { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0, aliasDuplicateObjects: false }
  )

/** A property as a case: generates steps, plays them, and tells the smallest that fail as a case file. */
export const propertyCase = (definition: PropertyDefinition): Case<WorkerTarget> => ({
  id: `worker/properties/${definition.name}`,
  title: definition.title,
  requirements: definition.requirements,
  source: "conformance/worker/properties",
  needs: { ...definition.needs, ...(definition.function.startsWith("js/") ? { javascript: true } : {}) },
  timeoutMs: 60_000,
  alone: false,
  run: (target, context) => check(definition, target, context)
})

const check = async (
  definition: PropertyDefinition,
  target: WorkerTarget,
  context: CaseContext
): Promise<void> => {
  const { signal, seed } = context
  let session: WorkerSession | null = null
  let failure: unknown = null
  let failedAt = 0

  const open = async (): Promise<WorkerSession> => {
    const opened = target.start({ function: definition.function }, context)
    session = opened
    await opened.ready()
    return opened
  }
  const close = async (): Promise<void> => {
    const closing = session
    session = null
    await closing?.process.kill()
  }
  const run = async (steps: ReadonlyArray<StepData>): Promise<void> => {
    const one = session ?? (await open())
    await playSteps(stepsOf(steps), { session: one, pathOf: target.pathOf }, signal)
    if (definition.freshWorker === true) {
      await one.finish()
      session = null
    } else {
      one.check()
      one.forget()
    }
  }

  try {
    const details = await fc.check(
      fc.asyncProperty(definition.steps(target.features), async (steps) => {
        signal.throwIfAborted()
        if (failedAt !== 0 && performance.now() - failedAt > SHRINK_MS) return
        try {
          await run(steps)
          // what makes a counterexample smaller is no run; counted one by one, for one whose time is over in the middle
          if (failedAt === 0) context.ranProperties(1)
        } catch (error) {
          failure = error
          if (failedAt === 0) {
            failedAt = performance.now()
            if (!signal.aborted) context.ranProperties(1)
          }
          // what a failed run has left behind is not to be the next one's
          await close()
          throw error
        }
      }),
      { seed, numRuns: target.propertyRuns ?? definition.runs }
    )
    signal.throwIfAborted()
    if (details.failed) throw counterexample(definition, seed, details.counterexample, failure)
    const last = session as WorkerSession | null
    await last?.finish()
    session = null
  } finally {
    await close()
  }
}

const counterexample = (
  definition: PropertyDefinition,
  seed: number,
  found: readonly [ReadonlyArray<StepData>] | null,
  failure: unknown
): Error => {
  if (found === null || !(failure instanceof CaseFailure)) {
    return failure instanceof Error ? failure : new Error(String(failure))
  }
  const file = replayFile(definition, seed, found[0])
  return new CaseFailure(
    `${failure.message}\nThe smallest example that was found; as a file it can be run again with --cases FILE:\n\n${file}`,
    {
      expected: failure.expected,
      observed: failure.observed,
      ...(failure.requirements === undefined ? {} : { requirements: failure.requirements })
    }
  )
}
