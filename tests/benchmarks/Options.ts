import { parseArgs } from "node:util"
import type { Effort, PromiseId } from "./Benchmark.ts"

/** What a run of the benchmarks was asked for. */
export interface Options {
  /** Short, and without a verdict: does it work at all? */
  readonly smoke: boolean
  /** Fail when a gated promise is missed. */
  readonly gate: boolean
  readonly chosen: ReadonlyArray<PromiseId>
  readonly jsonFile: string | null
  readonly seed: number
  readonly effort: Effort
}

export class BadOptions extends Error {
  override readonly name = "BadOptions"
}

export const usage = `npm run bench -- [flags]

  --only S-3,S-4      measure these promises only
  --gate              exit 1 when an "at least" of S-3, S-4, S-5, S-6, S-8 or S-9 is missed
  --smoke             a short run that shows that everything works; its figures are not judged
  --duration SECONDS  measured time per turn of the throughput benchmarks (default 2)
  --rounds N          rounds of raw, ours, ours, raw (default 5, at least 3)
  --json FILE         write everything measured to a file
  --seed N            for the random bodies (default: chosen and printed)
`

const full: Effort = {
  rounds: 5,
  warmUpSeconds: 0.5,
  windowSeconds: 2,
  warmUpRequests: 2000,
  windowRequests: 10_000,
  coldStarts: 40,
  largeBodies: 20,
  warmWorkers: 10,
  crowd: 500
}

const smokeEffort: Effort = {
  rounds: 1,
  warmUpSeconds: 0.1,
  windowSeconds: 0.2,
  warmUpRequests: 50,
  windowRequests: 200,
  coldStarts: 2,
  largeBodies: 2,
  warmWorkers: 2,
  crowd: 20
}

/** @throws BadOptions with a sentence for the person who typed them */
export const parseOptions = (args: ReadonlyArray<string>, known: ReadonlyArray<PromiseId>): Options => {
  const { promises, ...values } = readFlags(args)
  const smoke = values.smoke ?? false
  if (smoke && values.gate) throw new BadOptions("--smoke judges nothing: leave out --gate")
  const effort = smoke ? smokeEffort : full
  return {
    smoke,
    gate: values.gate ?? false,
    chosen: promises === undefined ? known : chosenFrom(promises, known),
    jsonFile: values.json ?? null,
    seed: numberOf("--seed", values.seed, 0, 2 ** 31 - 1, true) ?? Math.floor(Math.random() * 2 ** 31),
    effort: {
      ...effort,
      windowSeconds: numberOf("--duration", values.duration, 0.05, 600, false) ?? effort.windowSeconds,
      rounds: numberOf("--rounds", values.rounds, smoke ? 1 : 3, 100, true) ?? effort.rounds
    }
  }
}

const readFlags = (args: ReadonlyArray<string>) => {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        smoke: { type: "boolean" },
        gate: { type: "boolean" },
        only: { type: "string" },
        json: { type: "string" },
        seed: { type: "string" },
        duration: { type: "string" },
        rounds: { type: "string" }
      }
    })
    return { ...values, promises: textOf(values, "only") }
  } catch (cause) {
    throw new BadOptions(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

// Read by its name: the linter takes a property called `only` for a focused test.
const textOf = <Values extends object, Name extends keyof Values>(values: Values, name: Name): Values[Name] =>
  values[name]

const chosenFrom = (text: string, known: ReadonlyArray<PromiseId>): ReadonlyArray<PromiseId> => {
  const asked = text.split(",").map((one) => one.trim().toUpperCase())
  const unknown = asked.filter((one) => !known.some((id) => id === one))
  if (unknown.length > 0) {
    throw new BadOptions(`--only: no benchmark for ${unknown.join(", ")}; there are ${known.join(", ")}`)
  }
  return known.filter((id) => asked.includes(id))
}

const numberOf = (
  flag: string,
  text: string | undefined,
  least: number,
  most: number,
  whole: boolean
): number | undefined => {
  if (text === undefined) return undefined
  const value = text.trim() === "" ? Number.NaN : Number(text)
  if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
    throw new BadOptions(
      `${flag}: use a ${whole ? "whole " : ""}number from ${least} to ${most}, not "${text}"`
    )
  }
  return value
}
