import type { Benchmark, BenchmarkContext } from "./Benchmark.ts"
import { type LoadGenerator, startLoadGenerator } from "./load/LoadGenerator.ts"
import type { Options } from "./Options.ts"
import type { Row } from "./Report.ts"
import { throughputMultiplexed } from "./s1-throughput-multiplexed.ts"
import { throughputDefault } from "./s2-throughput-default.ts"
import { warmOverhead } from "./s3-warm-overhead.ts"
import { warmTail } from "./s4-warm-tail.ts"
import { coldStart } from "./s5-cold-start.ts"
import { coldStartQuickJs } from "./s6-cold-start-quickjs.ts"
import { throughputQuickJs } from "./s7-throughput-quickjs.ts"
import { warmMemory } from "./s8-warm-memory.ts"
import { isolation } from "./s6b-isolation.ts"
import { largeBody } from "./s9-large-body.ts"
import { startRawServer } from "./subjects/RawServer.ts"
import type { Subject } from "./subjects/Subject.ts"
import { verdictOf } from "./Verdict.ts"

export const benchmarks: ReadonlyArray<Benchmark> = [
  throughputMultiplexed,
  throughputDefault,
  warmOverhead,
  warmTail,
  coldStart,
  coldStartQuickJs,
  throughputQuickJs,
  warmMemory,
  largeBody,
  isolation
]

export interface Surroundings {
  readonly startSubject: (flags?: ReadonlyArray<string>) => Promise<Subject>
  readonly progress: (what: string) => void
  /** Ends the run: what was started is stopped, the rest is not measured. */
  readonly interruption: AbortSignal
}

/** Measures the chosen promises, one after another. One that breaks does not keep the others from being measured. */
export const runBenchmarks = async (options: Options, around: Surroundings): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  for (const benchmark of benchmarks.filter(({ id }) => options.chosen.includes(id))) {
    rows.push(await runOne(benchmark, options, around))
  }
  return rows
}

const runOne = async (benchmark: Benchmark, options: Options, around: Surroundings): Promise<Row> => {
  const { interruption, progress, startSubject } = around
  const failures: { count: number; first: string | null } = { count: 0, first: null }

  const startLoad = (): LoadGenerator => {
    const load = startLoadGenerator()
    // Without it the benchmark that is under way fails, and on its way out stops whatever else it has started.
    interruption.addEventListener("abort", () => void load[Symbol.asyncDispose]())
    return {
      ...load,
      // Counted here, where no benchmark can forget those of a warm-up or of a round that it does not use.
      run: async (plan) => {
        const report = await load.run(plan)
        failures.count += report.failures
        failures.first ??= report.firstFailure
        return report
      }
    }
  }

  const context: BenchmarkContext = {
    effort: options.effort,
    seed: options.seed,
    startLoad,
    startSubject,
    startRaw: startRawServer,
    progress: (what) => progress(`${benchmark.id}  ${what}`)
  }
  try {
    interruption.throwIfAborted()
    const measurement = await benchmark.run(context)
    const verdict = options.smoke ? null : verdictOf(benchmark, measurement)
    return { benchmark, failures, measurement, verdict }
  } catch (error) {
    return { benchmark, failures, broken: error instanceof Error ? error.message : String(error) }
  }
}

/** 1 when a request failed or a benchmark could not be run; with `--gate`, also when a gated promise was missed. */
export const exitCodeOf = (rows: ReadonlyArray<Row>, { gate }: Pick<Options, "gate">): 0 | 1 => {
  const wrong = rows.some(
    (row) =>
      "broken" in row || row.failures.count > 0 || (gate && row.benchmark.gated && row.verdict === "missed")
  )
  return wrong || rows.length === 0 ? 1 : 0
}
