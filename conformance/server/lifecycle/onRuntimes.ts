import { CaseFailure, SetUpFailed } from "../../model/Case.ts"
import type { Bench, OwnServer } from "../Bench.ts"
import type { OwnOptions } from "../ServerTarget.ts"

/** Plays it on each runtime, and says on which it failed. */
export const forRuntimes = async (bench: Bench, play: (runtime: string) => Promise<void>): Promise<void> => {
  for (const runtime of bench.target.runtimes) {
    try {
      await play(runtime)
    } catch (error) {
      if (error instanceof SetUpFailed)
        throw new SetUpFailed(`on ${runtime}: ${error.message}`, error.observed)
      if (!(error instanceof CaseFailure)) throw error
      const { expected, observed, requirements } = error
      throw new CaseFailure(`on ${runtime}: ${error.message}`, {
        expected,
        observed,
        ...(requirements === undefined ? {} : { requirements })
      })
    }
  }
}

/** A case that is played on each runtime, on one server of its own: a start of a server costs more than most cases. */
export const onRuntimes =
  (options: OwnOptions, play: (server: OwnServer, runtime: string, bench: Bench) => Promise<void>) =>
  async (bench: Bench): Promise<void> => {
    const server = await bench.own(options)
    await forRuntimes(bench, (runtime) => play(server, runtime, bench))
  }
