import { CaseFailure } from "../model/Case.ts"
import type { Fn } from "../server/Door.ts"
import { who } from "../server/guarantees/calls.ts"
import { cpuTicks, descendants, ownNumber, type ProcessEntry } from "../server/target/processTable.ts"

/** The runtimes whose workers tell a function which process they are, by `process.pid`. */
export const TELL_THEIR_PID: ReadonlyArray<string> = ["bun"]

/**
 * The process of a function's one worker, below the server: the one that the function says it is. A runtime that does not
 * tell has its worker looked for by what it computes, on a server of the suite's own alone: elsewhere that could be the worker
 * of somebody else's function.
 */
export const workerOf = async (fn: Fn, isOwnServer: boolean): Promise<ProcessEntry> => {
  const { pid: told } = await who(fn)
  if (told !== null) return toldProcess(descendants(fn.door.pid), told, ownNumber)
  if (isOwnServer) return await busiest(fn)
  throw new CaseFailure("the worker does not tell which process it is; nothing was sent a signal")
}

/**
 * The one of these processes that has this number for itself, which is another than its number here where the server lives in a
 * container. Fails where none has it, or several.
 */
export const toldProcess = (
  below: ReadonlyArray<ProcessEntry>,
  told: number,
  numberOf: (pid: number) => number | null
): ProcessEntry => {
  const found = below.filter(({ pid }) => numberOf(pid) === told)
  const [first] = found
  if (first !== undefined && found.length === 1) return first
  throw new CaseFailure("the worker's process was not found below the server; nothing was sent a signal", {
    expected: `one process that is number ${told} for itself`,
    observed: found.length === 0 ? "none" : `several: ${found.map(({ pid }) => pid).join(", ")}`
  })
}

const ATTEMPTS = 6

/** The process below the server that computes while the function does. */
const busiest = async (fn: Fn): Promise<ProcessEntry> => {
  const { pid } = fn.door
  let seen: ReadonlyArray<string> = []
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = new Map(descendants(pid).map((entry) => [entry.pid, cpuTicks(entry.pid)]))
    await who(fn, "/do/spin?ms=500")
    const grown = descendants(pid)
      .map((entry) => ({ entry, ticks: cpuTicks(entry.pid) - (before.get(entry.pid) ?? 0) }))
      .toSorted((a, b) => b.ticks - a.ticks)
    const [first, second] = grown
    seen = grown.slice(0, 3).map(({ entry, ticks }) => `${entry.pid}: ${ticks}`)
    // 500 ms are 50 ticks where there is a processor to spare; whoever else computes has far less
    if (first !== undefined && first.ticks >= 8 && first.ticks >= 3 * (second?.ticks ?? 0)) return first.entry
  }
  throw new CaseFailure("the worker's process was not found below the server", {
    expected: "one process that has used 80 ms at least, and thrice what any other has",
    observed: `ticks of 10 ms by process: ${seen.join(", ")}`
  })
}
