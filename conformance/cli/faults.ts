import type { Fault } from "../faults/Fault.ts"
import { didYouMean } from "../nearest.ts"
import type { Parsed } from "./parseFlags.ts"

/** What `faults --list` says. */
export const faultListing = (faults: ReadonlyArray<Fault>): string =>
  `${[
    ...faults.flatMap(({ name, promise, requirements, traits = [], what }) => [
      name,
      `  ${what}.`,
      `  promised: ${promise}.`,
      `  ${requirements.join(" ")}${traits.length === 0 ? "" : `; needs ${traits.map(wordsOf).join(", ")}`}`,
      ""
    ]),
    `${faults.length} faults`
  ].join("\n")}\n`

const wordsOf = (trait: string): string =>
  ({
    own: "--cmd",
    pid: "--cmd or --pid",
    "worker-pid": "--cmd, or --pid and bun",
    http: "HTTP",
    socket: "the socket",
    logs: "log files that can be read",
    "scripted-worker": "--scripted-worker"
  })[trait] ?? trait

/** The cases of the faults that `--run` names; faults of the command line are gathered. */
export const chosenFaults = (parsed: Parsed, faults: ReadonlyArray<Fault>): ReadonlyArray<string> => {
  const names = parsed.list("run")
  const known = faults.map(({ name }) => name)
  if (names.length === 0) parsed.fault("give the faults: --run NAME,…, --run all, or see them with --list")
  for (const name of names) {
    if (name === "all" || known.includes(name)) continue
    parsed.fault(`there is no fault ${name}${didYouMean(name, known, "; --list shows them")}`)
  }
  return names.includes("all") ? ["faults/*"] : names.map((name) => `faults/${name}`)
}
