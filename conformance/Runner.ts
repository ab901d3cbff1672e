import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Case } from "./model/Case.ts"
import { CaseFailure, SetUpFailed } from "./model/Case.ts"
import type { Requirement } from "./model/Requirement.ts"
import type { CaseResult, RunResult, Verdict } from "./model/Result.ts"
import { type StartedTarget, type Suite, TargetUnusable, whyNotApplicable } from "./model/Suite.ts"
import { Transcript, type TranscriptLine } from "./model/Transcript.ts"
import { ProcessGroups } from "./ProcessGroups.ts"
import { requirementResults } from "./requirementResults.ts"
import type { Selection } from "./Selection.ts"
import { showValue } from "./showValue.ts"

/** Told of everything while a run goes on. */
export interface Progress {
  readonly started: (run: { readonly cases: number; readonly target: string }) => void
  readonly began: (id: string) => void
  readonly ended: (result: CaseResult) => void
  /** A case that did not end, because the run did. */
  readonly dropped: (id: string) => void
}

export interface RunOptions {
  readonly requirements: ReadonlyMap<string, Requirement>
  readonly seed: number
  /** Cases at a time. */
  readonly jobs: number
  readonly timeoutFactor: number
  /** The column's heading; null: the suite's title. */
  readonly name: string | null
  /** Requirements that the flags keep from being checked are no fault. */
  readonly partial?: boolean
  /** Ctrl-C: what runs is ended, and what there is is reported. */
  readonly interrupt: AbortSignal
  readonly progress: Progress
  /** Filled from outside while the run goes on: faults of the suite's own that no case answers for. */
  readonly problems?: ReadonlyArray<string>
  /** What a case gets to end in once it is told to, and again once its processes are killed. Default: 1,000 ms. */
  readonly graceMs?: number
}

/** What the start and the end of a target may take, in milliseconds. */
const START_MS = 30_000
const STOP_MS = 15_000
/** After Ctrl-C nobody waits for an orderly end. */
const INTERRUPTED_STOP_MS = 3_000
const GRACE_MS = 1_000
/** Of all failures together: beyond it only the ends of transcripts are kept. */
const MOST_TRANSCRIPT = 8_000_000

/**
 * Runs the chosen cases of a suite against its target. Rejects with `TargetUnusable` where there is nothing to run them against.
 * When it is over no process that was handed to `owns` is left.
 */
export const runSuite = async <Target>(
  suite: Suite<Target>,
  selection: Selection<Case<Target>>,
  options: RunOptions
): Promise<RunResult> => {
  const startedAt = new Date().toISOString()
  const began = performance.now()
  const folder = await mkdtemp(join(tmpdir(), "bunbase-conformance-"))
  const groups = new ProcessGroups()
  const problems: Array<string> = []
  const results = new Map<string, CaseResult>()
  try {
    const started = await startTarget(suite, folder, groups, options)
    const name = options.name ?? suite.title
    options.progress.started({ cases: selection.cases.length, target: name })
    const loss = lossOf(started)
    try {
      await runCases(selection.cases, started, folder, { ...options, isOver: loss.isOver }, (result) =>
        results.set(result.id, result)
      )
    } finally {
      const { words } = loss
      if (words !== null && !options.interrupt.aborted) {
        const left = selection.cases.length - results.size
        problems.push(`${words}${left === 0 ? "" : `; cases that were not run: ${left}`}`)
      }
      const fault = await stopTarget(started, options)
      if (fault !== null) problems.push(fault)
    }
    const cases = selection.cases.flatMap(({ id }) => results.get(id) ?? [])
    return {
      format: 1,
      suite: suite.name,
      target: name,
      command: suite.command,
      startedAt,
      durationMs: performance.now() - began,
      seed: options.seed,
      about: started.about,
      chosen: selection.cases.length,
      available: suite.cases.length,
      ...(options.partial === true ? { partial: true } : {}),
      interrupted: options.interrupt.aborted,
      problems: [...problems, ...(options.problems ?? [])],
      cases: boundedTranscripts(cases),
      requirements: requirementResults(selection.requirements, selection.cases, results, started.facts)
    }
  } finally {
    await groups.end()
    await rm(folder, { recursive: true, force: true }).catch(() => {})
  }
}

const startTarget = async <Target>(
  suite: Suite<Target>,
  folder: string,
  groups: ProcessGroups,
  { interrupt, timeoutFactor }: RunOptions
): Promise<StartedTarget<Target>> => {
  const limit = START_MS * timeoutFactor
  const bound = boundOf(limit, interrupt, `the target did not start within ${limit} ms`)
  try {
    const shared = join(folder, "shared")
    await mkdir(shared)
    const starting = suite.start({ signal: bound.signal, folder: shared, owns: groups.owns })
    // heard of even when nobody waits for it any more
    starting.catch(() => {})
    return await Promise.race([starting, bound.over])
  } catch (error) {
    if (bound.isLate()) throw error instanceof TargetUnusable ? error : new TargetUnusable(bound.reason())
    throw error
  } finally {
    bound.end()
  }
}

const stopTarget = async (
  started: StartedTarget<unknown>,
  { interrupt, timeoutFactor }: RunOptions
): Promise<string | null> => {
  const limit = interrupt.aborted ? INTERRUPTED_STOP_MS : STOP_MS * timeoutFactor
  const bound = boundOf(limit, null, `the target did not end within ${limit} ms, and was killed`)
  try {
    await Promise.race([started.stop(), bound.over])
    return null
  } catch (error) {
    return `the end of the target failed: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    bound.end()
  }
}

/** What became of a target that has ended by itself while cases ran; `words` is null as long as it has not. */
const lossOf = ({ lost }: StartedTarget<unknown>) => {
  const loss = { words: null as string | null, isOver: () => loss.words !== null }
  void lost?.then((words) => (loss.words = words))
  return loss
}

const runCases = async <Target>(
  cases: ReadonlyArray<Case<Target>>,
  started: StartedTarget<Target>,
  folder: string,
  options: RunOptions & { readonly isOver: () => boolean },
  keep: (result: CaseResult) => void
): Promise<void> => {
  const play = async (one: Case<Target>): Promise<void> => {
    options.progress.began(one.id)
    const result = await runCase(one, started, folder, options)
    if (result === null) options.progress.dropped(one.id)
    else {
      keep(result)
      options.progress.ended(result)
    }
  }
  const waiting = cases.filter(({ alone, waits }) => waits === true && !alone)
  const together = cases.filter(({ alone, waits }) => !alone && waits !== true)
  let next = 0
  const jobs = Array.from({ length: Math.min(options.jobs, together.length) }, async () => {
    for (let one = together[next++]; one !== undefined; one = together[next++]) {
      if (options.interrupt.aborted || options.isOver()) return
      await play(one)
    }
  })
  await Promise.all([...jobs, ...waiting.map(play)])
  for (const one of cases) {
    if (options.interrupt.aborted || options.isOver()) return
    if (one.alone) await play(one)
  }
}

/** Its result; null where the run was ended before it was over. */
const runCase = async <Target>(
  one: Case<Target>,
  started: StartedTarget<Target>,
  runFolder: string,
  options: RunOptions
): Promise<CaseResult | null> => {
  const reason = whyNotApplicable(one, started.facts, options.requirements)
  const began = performance.now()
  let propertyRuns = 0
  const observed: Array<string> = []
  const resultOf = (verdict: Verdict): CaseResult => ({
    id: one.id,
    title: one.title,
    requirements: one.requirements,
    source: one.source,
    verdict,
    durationMs: performance.now() - began,
    propertyRuns,
    ...(observed.length === 0 ? {} : { observed })
  })
  if (reason !== null) return resultOf({ _tag: "NotApplicable", reason })

  const limit = one.timeoutMs * options.timeoutFactor
  const bound = boundOf(limit, options.interrupt, `took longer than its ${limit} ms`)
  const transcript = new Transcript()
  const groups = new ProcessGroups()
  const folder = join(runFolder, one.id.replaceAll(/[^A-Za-z0-9.-]/g, "_"))
  try {
    await mkdir(folder)
    const running = one
      .run(started.target, {
        signal: bound.signal,
        seed: seedOf(options.seed, one.id),
        transcript,
        folder,
        ranProperties: (count) => {
          propertyRuns += count
        },
        observe: (what) => {
          observed.push(what)
          transcript.add("note", what)
        },
        owns: groups.owns
      })
      .then(
        (): Verdict => ({ _tag: "Passed" }),
        (error: unknown) => failed(error, transcript)
      )
    const verdict = await Promise.race([running, bound.over.catch(() => null)])
    if (options.interrupt.aborted) {
      await settled(running, groups, options.graceMs)
      return null
    }
    if (verdict !== null && !bound.isLate()) return resultOf(verdict)
    transcript.add("note", bound.reason())
    const hasEnded = await settled(running, groups, options.graceMs)
    const runs = propertyRuns === 0 ? "" : `, with ${propertyRuns} runs of its property made`
    const message = `${bound.reason()}${runs}${hasEnded ? "" : ", and did not end when it was told to"}`
    return resultOf({ _tag: "Failed", message, cause: "time", transcript: transcript.lines() })
  } catch (error) {
    return resultOf(failed(error, transcript))
  } finally {
    bound.end()
    await groups.end()
    await rm(folder, { recursive: true, force: true }).catch(() => {})
  }
}

/** Waits for what has been told to end; kills its processes where it does not. */
const settled = async (
  running: Promise<unknown>,
  groups: ProcessGroups,
  graceMs = GRACE_MS
): Promise<boolean> => {
  const done = running.then(() => true)
  if (await Promise.race([done, after(graceMs)])) return true
  await groups.end()
  return await Promise.race([done, after(graceMs)])
}

const after = (ms: number): Promise<false> =>
  new Promise((resolve) => setTimeout(() => resolve(false), ms).unref())

const failed = (error: unknown, transcript: Transcript): Verdict => {
  const lines = { transcript: transcript.lines() }
  if (error instanceof TargetUnusable) {
    return { _tag: "Failed", message: [error.message, ...error.details].join("\n"), cause: "error", ...lines }
  }
  if (error instanceof SetUpFailed) {
    const observed = error.observed === undefined ? {} : { observed: showValue(error.observed) }
    return {
      _tag: "Failed",
      message: `set-up failed: ${error.message}`,
      cause: "set-up",
      ...observed,
      ...lines
    }
  }
  if (!(error instanceof CaseFailure))
    return { _tag: "Failed", message: wordsOf(error), cause: "error", ...lines }
  const { expected, isLate, message, observed, requirements } = error
  return {
    _tag: "Failed",
    message,
    ...(expected === undefined ? {} : { expected: showValue(expected) }),
    ...(observed === undefined ? {} : { observed: showValue(observed) }),
    ...(requirements === undefined ? {} : { requirements }),
    ...(isLate ? { cause: "time" as const } : {}),
    ...lines
  }
}

/** What a case did not mean to throw has its stack shown: it may be the case that is wrong. */
const wordsOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ""}` : String(error)

/** A time limit: `over` rejects and `signal` is aborted when it is reached, and when the run is interrupted. */
const boundOf = (limitMs: number, interrupt: AbortSignal | null, words: string) => {
  const controller = new AbortController()
  const { promise: over, reject } = Promise.withResolvers<never>()
  over.catch(() => {})
  let late = false
  const finish = (reason: Error) => {
    controller.abort(reason)
    reject(reason)
  }
  const timer = setTimeout(() => {
    late = true
    finish(new CaseFailure(words))
  }, limitMs)
  const interrupted = () => finish(new Error("interrupted"))
  if (interrupt?.aborted === true) interrupted()
  interrupt?.addEventListener("abort", interrupted, { once: true })
  return {
    signal: controller.signal,
    over,
    isLate: () => late,
    reason: () => words,
    end: () => {
      clearTimeout(timer)
      interrupt?.removeEventListener("abort", interrupted)
    }
  }
}

/** A case's own seed, the same in every run with the same seed, whatever else is run: FNV-1a over both. */
export const seedOf = (seed: number, id: string): number => {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(`${seed}/${id}`)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 1
}

const boundedTranscripts = (cases: ReadonlyArray<CaseResult>): ReadonlyArray<CaseResult> => {
  let room = MOST_TRANSCRIPT
  return cases.map((result) => {
    const { verdict } = result
    if (verdict._tag !== "Failed") return result
    room -= sizeOf(verdict.transcript)
    return room >= 0 ? result : { ...result, verdict: { ...verdict, transcript: ends(verdict.transcript) } }
  })
}

const sizeOf = (lines: ReadonlyArray<TranscriptLine>): number =>
  lines.reduce((sum, { text }) => sum + text.length, 0)

const ends = (lines: ReadonlyArray<TranscriptLine>): ReadonlyArray<TranscriptLine> => {
  if (lines.length <= 30) return lines
  const cut = { at: 0, voice: "note" as const, text: `… ${lines.length - 30} lines cut: too many failures …` }
  return [...lines.slice(0, 5), cut, ...lines.slice(-25)]
}
