import { availableParallelism } from "node:os"
import { type BrokenResult, runBroken } from "./broken/runner/runBroken.ts"
import { brokenFigures, brokenLines, chooseTargets, uncoveredLines } from "./broken/runner/tell.ts"
import { loadTable } from "./broken/runner/table.ts"
import { CaseFileErrors } from "./data/Mistakes.ts"
import { commandHelp, programHelp } from "./cli/help.ts"
import { broken, commands, faults, list, report, server, worker } from "./cli/commands.ts"
import { listing } from "./cli/list.ts"
import {
  FUNCTIONS,
  readBrokenFlags,
  readFilters,
  readRunFlags,
  readServerOptions,
  readWorkerOptions,
  type RunFlags
} from "./cli/options.ts"
import { chosenFaults, faultListing } from "./cli/faults.ts"
import { type Command, type Parsed, parseFlags, UsageFault } from "./cli/parseFlags.ts"
import { type Screen, showProgress, silentProgress } from "./cli/progress.ts"
import { checkWritable, writeReports } from "./cli/reportFiles.ts"
import { faultsOf, type RunResult } from "./model/Result.ts"
import { TargetUnusable } from "./model/Suite.ts"
import { didYouMean } from "./nearest.ts"
import { killAllGroups } from "./ProcessGroups.ts"
import { NoRunResult, readRun } from "./report/readRun.ts"
import { terminalReport } from "./report/terminal.ts"
import { SpecificationUnreadable } from "./Requirements.ts"
import { UnknownNames } from "./Selection.ts"
import { type AnySuite, type Suites, suites as ownSuites } from "./Suites.ts"

/** What the exit status says; docs/conformance.md has the same table. */
const Exit = { green: 0, red: 1, usage: 2, unusable: 3, interrupted: 130 } as const

/** The program's surroundings; tests have their own. */
export interface Surroundings {
  readonly suites: Suites
  /** What one types to get here. */
  readonly path: string
  readonly out: (text: string) => Promise<void>
  readonly color: boolean
  /** stderr. */
  readonly screen: Screen
  /** Left out: that of this machine. */
  readonly platform?: string
  /** The table of broken targets; left out: the suite's own. */
  readonly table?: string
}

/**
 * Runs `bunbase conformance` with these arguments. Gives the exit code, once everything is written and no process that was
 * started is left.
 */
export const main = async (
  args: ReadonlyArray<string>,
  surroundings: Surroundings = ownSurroundings()
): Promise<number> => {
  try {
    return await dispatch(args, surroundings)
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal === null) throw error
    surroundings.screen.write(`${refusal.join("\n")}\n`)
    return Exit.usage
  }
}

/** Why nothing was done, in lines; null for what nobody expected. */
const refusalOf = (error: unknown): ReadonlyArray<string> | null => {
  if (error instanceof UsageFault) return [...error.lines.map((line) => `error: ${line}`), `  ${error.see}`]
  if (error instanceof UnknownNames) return error.lines.map((line) => `error: ${line}`)
  if (error instanceof CaseFileErrors) {
    return [
      ...error.lines,
      `error: the case files have ${plural(error.lines.length, "mistake")}; nothing was run`
    ]
  }
  if (error instanceof SpecificationUnreadable || error instanceof NoRunResult)
    return [`error: ${error.message}`]
  return null
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

const dispatch = async (args: ReadonlyArray<string>, surroundings: Surroundings): Promise<number> => {
  const { out, path, screen } = surroundings
  const [first, ...rest] = args[0] === "help" ? [...args.slice(1), "--help"] : args
  if (first === undefined) {
    screen.write(programHelp(path, commands))
    return Exit.usage
  }
  if (first === "--help" || first === "-h") {
    await out(programHelp(path, commands))
    return Exit.green
  }
  const command = commands.find(({ name }) => name === first)
  if (command === undefined) {
    const names = commands.map(({ name }) => name)
    throw new UsageFault(
      [`there is no command "${first}"${didYouMean(first, names, `; there are ${names.join(", ")}`)}`],
      `see: ${path} --help`
    )
  }
  const flags = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest
  if (flags.includes("--help") || flags.includes("-h")) {
    await out(commandHelp(path, command))
    return Exit.green
  }
  return await perform(command, parseFlags(`${path} ${command.name}`, command, rest), surroundings)
}

const perform = async (command: Command, parsed: Parsed, surroundings: Surroundings): Promise<number> => {
  const { platform = process.platform, suites } = surroundings
  if (platform !== "linux" && command !== report && command !== list)
    throw new UsageFault(
      [`${command.name} runs on Linux alone: it reads /proc to leave no process behind; this is ${platform}`],
      "list and report run anywhere"
    )
  switch (command) {
    case report:
      return await runReport(parsed, surroundings)
    case list: {
      const filters = readFilters(parsed)
      parsed.done()
      const known = await suites.requirements()
      await surroundings.out(listing(known, await allSuites(suites, known), filters))
      return Exit.green
    }
    case faults:
      return await runFaults(parsed, surroundings)
    case broken:
      return await runBrokenTargets(parsed, surroundings)
    case worker: {
      const flags = readRunFlags(parsed)
      const options = readWorkerOptions(parsed, await suites.requirements())
      parsed.done()
      return await runTarget(await suites.worker(options), options.requirements, flags, surroundings)
    }
    default: {
      const flags = readRunFlags(parsed)
      const options = readServerOptions(parsed, await suites.requirements())
      parsed.done()
      return await runTarget(await suites.server(options), options.requirements, flags, surroundings)
    }
  }
}

/** Faults are chosen by name; the run answers for the requirements that they are about, and for no others. */
const runFaults = async (parsed: Parsed, surroundings: Surroundings): Promise<number> => {
  const { catalogue } = await import("./faults/catalogue.ts")
  if (parsed.has("list")) {
    parsed.done()
    await surroundings.out(faultListing(catalogue))
    return Exit.green
  }
  const flags = readRunFlags(parsed)
  const ids = chosenFaults(parsed, catalogue)
  const options = readServerOptions(parsed, await surroundings.suites.requirements())
  parsed.done()
  const suite = await surroundings.suites.faults(options)
  // faults answer for no whole
  const chosen = { ...flags, partial: true, filters: { ids, areas: [], levels: [] } }
  return await runTarget(suite, options.requirements, chosen, surroundings)
}

/** With no target behind them: for what cases and faults there are. */
const allSuites = async (
  suites: Suites,
  known: Awaited<ReturnType<Suites["requirements"]>>
): Promise<ReadonlyArray<AnySuite>> => {
  const none = (command: Command, ...tokens: ReadonlyArray<string>) => parseFlags("list", command, tokens)
  return [
    await suites.worker(readWorkerOptions(none(worker, "--cmd", "none", "--runtime", "bun"), known)),
    await suites.server(readServerOptions(none(server, "--cmd", "none {data} {socket} {port}"), known)),
    await suites.faults(readServerOptions(none(faults, "--cmd", "none {data} {socket} {port}"), known))
  ]
}

const runTarget = async (
  suite: AnySuite,
  requirements: Awaited<ReturnType<Suites["requirements"]>>,
  flags: RunFlags,
  { color, out, screen }: Surroundings
): Promise<number> => {
  await checkWritable({ json: flags.json, junit: flags.junit, html: flags.html })
  const problems: Array<string> = []
  const progress = flags.quiet ? null : showProgress(screen)
  const signals = heedSignals(problems)
  const startedAt = new Date()
  try {
    const run = await suite.run(flags.filters, {
      requirements,
      seed: flags.seed,
      jobs: flags.jobs,
      timeoutFactor: flags.timeoutFactor,
      name: flags.name,
      partial: flags.partial,
      interrupt: signals.interrupt,
      progress: progress ?? silentProgress,
      problems
    })
    progress?.end()
    await writeReports([run], flags)
    await out(terminalReport(run, { color, quiet: flags.quiet }))
    if (run.interrupted) return Exit.interrupted
    return faultsOf(run).length === 0 ? Exit.green : Exit.red
  } catch (error) {
    progress?.end()
    if (signals.interrupt.aborted) {
      screen.write("interrupted before the target had started\n")
      return Exit.interrupted
    }
    if (!(error instanceof TargetUnusable)) throw error
    await writeReports([unusableRun(suite, flags, startedAt, error)], flags)
    const details = error.details.filter((line) => line.trim() !== "")
    screen.write(
      [
        `error: ${error.message}`,
        ...details.map((line) => `  ${line}`),
        `  target: ${suite.command}`,
        ""
      ].join("\n")
    )
    return Exit.unusable
  } finally {
    signals.end()
  }
}

/** For the reports of a target that could not be tested at all: red, with the reason. */
const unusableRun = (
  suite: AnySuite,
  flags: RunFlags,
  startedAt: Date,
  error: TargetUnusable
): RunResult => ({
  format: 1,
  suite: suite.name,
  target: flags.name ?? suite.title,
  command: suite.command,
  startedAt: startedAt.toISOString(),
  durationMs: Date.now() - startedAt.getTime(),
  seed: flags.seed,
  about: {},
  chosen: 0,
  available: suite.cases.length,
  interrupted: false,
  problems: [[error.message, ...error.details].join("; ")],
  cases: [],
  requirements: []
})

const runReport = async (parsed: Parsed, { color, out }: Surroundings): Promise<number> => {
  const files = { junit: parsed.text("junit"), html: parsed.text("html") }
  if (parsed.files.length === 0)
    parsed.fault("give the results that are put together: files that --json wrote")
  parsed.done()
  await checkWritable(files, parsed.files)
  const runs = await Promise.all(parsed.files.map(readRun))
  await writeReports(runs, files)
  for (const run of runs) await out(`${terminalReport(run, { color, quiet: parsed.has("quiet") })}\n`)
  return runs.every((run) => faultsOf(run).length === 0) ? Exit.green : Exit.red
}

const runBrokenTargets = async (
  parsed: Parsed,
  { out, screen, suites, table: path }: Surroundings
): Promise<number> => {
  const flags = readBrokenFlags(parsed)
  parsed.done()
  const requirements = await suites.requirements()
  const table = await loadTable(requirements, path)
  const targets = chooseTargets(table, flags)
  const problems: Array<string> = []
  const signals = heedSignals(problems)
  const began = performance.now()
  let results: ReadonlyArray<BrokenResult> = []
  try {
    results = await runBroken(targets, {
      suites,
      requirements,
      functions: FUNCTIONS,
      seed: flags.seed,
      jobs: flags.jobs,
      caseJobs: availableParallelism(),
      timeoutFactor: flags.timeoutFactor,
      interrupt: signals.interrupt,
      ended: (result) => {
        if (!flags.quiet || result.faults.length > 0) screen.write(brokenLines(result))
      }
    })
  } catch (error) {
    if (!signals.interrupt.aborted) throw error
  } finally {
    signals.end()
  }
  const lacks = uncoveredLines(table, requirements, flags)
  const faults = [...lacks, ...problems]
  await out(`${[...faults, brokenFigures(results, performance.now() - began, flags.seed)].join("\n")}\n`)
  if (signals.interrupt.aborted) return Exit.interrupted
  return faults.length === 0 && results.every((one) => one.faults.length === 0) ? Exit.green : Exit.red
}

/**
 * Ctrl-C ends the run in order, a second one at once. What a suite throws where nobody waits must not end it: it is a problem of
 * the run's. At the program's end nothing is left that it started.
 */
const heedSignals = (problems: Array<string>) => {
  const controller = new AbortController()
  const interrupt = () => {
    if (controller.signal.aborted) {
      killAllGroups()
      process.exit(Exit.interrupted)
    }
    controller.abort(new Error("interrupted"))
  }
  const stray = (error: unknown) => {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
    problems.push(`an error of the suite's own: ${words}`)
  }
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const
  for (const signal of signals) process.on(signal, interrupt)
  process.on("unhandledRejection", stray)
  process.on("uncaughtException", stray)
  process.on("exit", killAllGroups)
  return {
    interrupt: controller.signal,
    end: () => {
      for (const signal of signals) process.off(signal, interrupt)
      process.off("unhandledRejection", stray)
      process.off("uncaughtException", stray)
      process.off("exit", killAllGroups)
    }
  }
}

const ownSurroundings = (): Surroundings => {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {}) // `| head` has seen enough
  return {
    suites: ownSuites,
    path: "bunbase conformance",
    out: (text) => new Promise((resolve) => process.stdout.write(text, () => resolve())),
    color: process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "",
    screen: {
      isTerminal: process.stderr.isTTY === true,
      columns: process.stderr.columns ?? 80,
      write: (text) => void process.stderr.write(text)
    }
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)))
