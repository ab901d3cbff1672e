import type { Case } from "../model/Case.ts"
import type { Bench } from "../server/Bench.ts"
import { benched } from "../server/define.ts"
import type { ServerTarget } from "../server/ServerTarget.ts"
import { Stage } from "./Stage.ts"

/** A named fault: what is done to a server, and what it promises then. */
export interface Fault {
  /** Lower case with dashes: `worker-killed`. */
  readonly name: string
  /** What is done, as a sentence without its full stop. */
  readonly what: string
  /** What is promised then, in words; the requirements say it exactly. */
  readonly promise: string
  readonly requirements: ReadonlyArray<string>
  /**
   * What it takes: `own` (a server that the suite starts, with --cmd), `pid` (one that it may signal), `worker-pid` (one
   * whose workers it may signal), `http`, `socket`, `logs`, `scripted-worker`, a runtime. Without it the fault is not applicable.
   */
  readonly traits?: ReadonlyArray<string>
  readonly timeoutMs?: number
  /** Puts the fault in, and fails where the outcome is another than promised. */
  readonly play: (stage: Stage) => Promise<void>
}

const DEFAULT_MS = 60_000

/** A fault as a case of the suite. Servers of the suite's own are apart; on one that runs, faults go one after another. */
export const faultCase = (
  { name, play, promise, requirements, timeoutMs = DEFAULT_MS, traits = [], what }: Fault,
  alone: boolean
): Case<ServerTarget> => ({
  id: `faults/${name}`,
  title: what,
  requirements,
  source: "conformance/faults",
  needs: { traits },
  timeoutMs,
  alone,
  run: benched(async (bench: Bench) => {
    bench.context.observe(`promised: ${promise}`)
    await play(new Stage(bench))
  })
})
