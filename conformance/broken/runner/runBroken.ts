import { silentProgress } from "../../cli/progress.ts"
import type { SuiteOptions } from "../../model/Options.ts"
import type { Requirement } from "../../model/Requirement.ts"
import { type CaseResult, faultsOf } from "../../model/Result.ts"
import { TargetUnusable } from "../../model/Suite.ts"
import { everything, type Filters, UnknownNames } from "../../Selection.ts"
import { ProcessGroups } from "../../ProcessGroups.ts"
import type { AnySuite, Suites } from "../../Suites.ts"
import { shareRealServer } from "../servers/real.ts"
import type { BrokenTarget } from "./table.ts"

/** What the suite said of one target. */
export interface BrokenResult {
  readonly target: BrokenTarget
  /** Why it is not as the table says, a line each; empty where it is. */
  readonly faults: ReadonlyArray<string>
  /** By which case each requirement turned red, and what that saw. */
  readonly red: ReadonlyMap<string, string>
  /** Cases that were run to see it. */
  readonly cases: number
  readonly durationMs: number
}

export interface BrokenOptions {
  readonly suites: Suites
  readonly requirements: ReadonlyMap<string, Requirement>
  /** The folder of the fixture functions. */
  readonly functions: string
  readonly seed: number
  /** Targets at a time. */
  readonly jobs: number
  /** Cases at a time, of a sound target. */
  readonly caseJobs: number
  readonly timeoutFactor: number
  readonly interrupt: AbortSignal
  readonly ended: (result: BrokenResult) => void
}

/**
 * Holds each target to what the table says of it: a sound one has to be green in the whole suite; a broken one needs a failing
 * case for each of its requirements. What a broken one shows soon it need not show again: it is ended when all are red. Sound
 * ones come first, by themselves, with the suite's own bounds.
 */
export const runBroken = async (
  targets: ReadonlyArray<BrokenTarget>,
  options: BrokenOptions
): Promise<ReadonlyArray<BrokenResult>> => {
  const results = new Map<BrokenTarget, BrokenResult>()
  const play = async (target: BrokenTarget): Promise<void> => {
    const result = await runOne(target, options)
    if (options.interrupt.aborted) return
    results.set(target, result)
    options.ended(result)
  }
  for (const target of targets) if (isSound(target) && !options.interrupt.aborted) await play(target)
  const broken = targets.filter((target) => !isSound(target))
  const groups = new ProcessGroups()
  const isServer = broken.some(({ kind }) => kind === "server")
  const stopShared = isServer ? await shareRealServer(groups, options.interrupt) : null
  let next = 0
  try {
    await Promise.all(
      Array.from({ length: Math.min(options.jobs, broken.length) }, async () => {
        for (let one = broken[next++]; one !== undefined; one = broken[next++]) {
          if (options.interrupt.aborted) return
          await play(one)
        }
      })
    )
  } finally {
    await stopShared?.()
    await groups.end()
  }
  return targets.flatMap((target) => results.get(target) ?? [])
}

const isSound = ({ turnsRed }: BrokenTarget): boolean => turnsRed.length === 0

const runOne = async (target: BrokenTarget, options: BrokenOptions): Promise<BrokenResult> => {
  const began = performance.now()
  let cases = 0
  const count = () => {
    cases += 1
  }
  const red = new Map<string, string>()
  let faults: ReadonlyArray<string>
  try {
    const timeoutFactor = target.timeoutFactor * options.timeoutFactor
    const suite = await suiteOf(target, timeoutFactor, options)
    faults = isSound(target)
      ? await runSound(suite, timeoutFactor, options, count)
      : await runUntilRed(suite, target, timeoutFactor, options, red, count)
  } catch (error) {
    faults = [whyNotRun(error)]
  }
  return { target, faults, red, cases, durationMs: performance.now() - began }
}

const whyNotRun = (error: unknown): string => {
  if (error instanceof TargetUnusable)
    return ["the suite cannot test it", error.message, ...error.details].join("; ")
  if (error instanceof UnknownNames) return error.lines.join("; ")
  throw error
}

const suiteOf = (
  target: BrokenTarget,
  timeoutFactor: number,
  { functions, requirements, suites }: BrokenOptions
): Promise<AnySuite> => {
  const { command: cmd, runtime, runtimes, scriptedWorker } = target
  const common: SuiteOptions = { requirements, caseFiles: [], propertyRuns: null, timeoutFactor }
  return target.kind === "worker"
    ? suites.worker({
        ...common,
        cmd,
        runtime,
        functions,
        extension: "js",
        protocol: "1.1",
        features: null
      })
    : suites.server({
        ...common,
        cmd,
        scriptedWorker,
        url: null,
        socket: null,
        apiKey: null,
        runtimes,
        functions
      })
}

const runSound = async (
  suite: AnySuite,
  timeoutFactor: number,
  { caseJobs, interrupt, requirements, seed }: BrokenOptions,
  count: () => void
): Promise<ReadonlyArray<string>> => {
  const run = await suite.run(everything, {
    requirements,
    seed,
    jobs: caseJobs,
    timeoutFactor,
    name: null,
    interrupt,
    progress: { ...silentProgress, ended: count }
  })
  const failed = run.cases.flatMap(({ id, verdict }) =>
    verdict._tag === "Failed" ? [`${id}: ${firstLine(verdict.message)}`] : []
  )
  return [...faultsOf(run), ...failed]
}

const runUntilRed = async (
  suite: AnySuite,
  { byTimeout, cases, turnsRed }: BrokenTarget,
  timeoutFactor: number,
  { interrupt, requirements, seed }: BrokenOptions,
  red: Map<string, string>,
  count: () => void
): Promise<ReadonlyArray<string>> => {
  const green = (): ReadonlyArray<string> => turnsRed.filter((id) => !red.has(id))
  const seen: Array<CaseResult> = []
  const enough = new AbortController()
  const filters: Filters = { ...everything, ids: cases ?? turnsRed }
  await suite.run(filters, {
    requirements,
    seed,
    // one after another: most of what is seen is seen by the first
    jobs: 1,
    timeoutFactor,
    name: null,
    interrupt: AbortSignal.any([interrupt, enough.signal]),
    progress: {
      ...silentProgress,
      ended: (result) => {
        count()
        seen.push(result)
        const { id: name, verdict } = result
        for (const id of redOf(result, byTimeout)) {
          if (verdict._tag === "Failed" && turnsRed.includes(id) && !red.has(id))
            red.set(id, `${name}: ${firstLine(verdict.message)}`)
        }
        if (green().length === 0) enough.abort(new Error("all are red"))
      }
    }
  })
  return green().map((id) => `${id} stayed green: ${whatWasSeen(id, seen)}`)
}

/**
 * The requirements that a case has shown to be violated. A case that threw what it did not mean to has shown nothing but a fault of
 * the suite's, one whose set-up failed has not come to it, and one whose time was over has shown nothing either, but of a target
 * of which the table says so.
 */
const redOf = ({ requirements, verdict }: CaseResult, byTimeout: boolean): ReadonlyArray<string> => {
  if (verdict._tag !== "Failed" || verdict.cause === "error" || verdict.cause === "set-up") return []
  return verdict.cause === "time" && !byTimeout ? [] : (verdict.requirements ?? requirements)
}

const whatWasSeen = (id: string, seen: ReadonlyArray<CaseResult>): string => {
  const own = seen.filter(({ requirements }) => requirements.includes(id))
  const words = own.map(({ id: name, verdict }) => {
    if (verdict._tag === "Passed") return `${name} passed`
    if (verdict._tag === "NotApplicable") return `${name} is not for it, ${verdict.reason}`
    if (verdict.cause === "time") return `${name} has no verdict: ${firstLine(verdict.message)}`
    if (verdict.cause === "set-up") return `${name} has no verdict, its ${firstLine(verdict.message)}`
    if (verdict.cause === "error") return `${name} is at fault itself: ${firstLine(verdict.message)}`
    return `${name} failed for ${(verdict.requirements ?? []).join(", ")}: ${firstLine(verdict.message)}`
  })
  return words.length === 0 ? "no case that was run checks it" : words.join("; ")
}

const firstLine = (text: string): string => text.split("\n")[0]?.slice(0, 300) ?? ""
