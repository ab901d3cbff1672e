import type { RunResult } from "../model/Result.ts"

/** The flags that run these cases of a run again, with the same seed. */
export const repeatFlags = ({ seed, suite }: RunResult, ids: ReadonlyArray<string>): string =>
  suite === "faults"
    ? `--seed ${seed} --run ${ids.map((id) => id.replace(/^faults\//, "")).join(",")}`
    : `--seed ${seed} --id ${ids.join(",")}`
