import type { BenchmarkContext, Measurement } from "./Benchmark.ts"
import { hello } from "./functions.ts"
import type { SubjectSettings } from "./subjects/Subject.ts"
import { interleave, measure, median, type Round, throughput } from "./Rounds.ts"

const CONNECTIONS = 32
/** A generator this busy may be what holds raw back: then the share looks better than it is. */
const BUSY = 0.95

/** The share of raw's throughput that a hello-world function with these settings reaches over 32 connections. */
export const measureShare = async (
  context: BenchmarkContext,
  settings: SubjectSettings
): Promise<Measurement<"share">> => {
  await using subject = await context.startSubject()
  await using raw = await context.startRaw("hello")
  await using load = context.startLoad()
  const targets = { raw: raw.target, ours: await subject.deploy("hello", hello, settings) }
  const { rounds, warmUpSeconds, windowSeconds } = context.effort

  const result = await interleave(
    rounds,
    (side) =>
      load.run({
        _tag: "ClosedLoop",
        target: targets[side],
        connections: CONNECTIONS,
        warmUp: { seconds: warmUpSeconds },
        measure: { seconds: windowSeconds }
      }),
    context.progress
  )

  const perSecond = (side: keyof Round): number =>
    Math.round(median(result.map((round) => throughput(round[side]))))
  const generatorCpu = (side: keyof Round): number =>
    median(result.flatMap((round) => round[side].map((report) => report.generatorCpu)))
  const details = [
    `${perSecond("ours").toLocaleString("en")} requests/s, raw ${perSecond("raw").toLocaleString("en")}`,
    `the load generator used ${percent(generatorCpu("ours"))} of a core, against raw ${percent(generatorCpu("raw"))}`
  ]
  if (generatorCpu("raw") > BUSY)
    details.push("raw may have been held back by the generator, and be faster still")

  return measure(
    result,
    (round) => {
      const share = throughput(round.ours) / throughput(round.raw)
      return { figures: { share }, ratio: share }
    },
    details
  )
}

const percent = (part: number): string => `${Math.round(part * 100)} %`
