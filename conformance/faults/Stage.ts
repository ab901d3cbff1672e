import { CaseFailure } from "../model/Case.ts"
import type { Bench, OwnServer } from "../server/Bench.ts"
import type { Door, Fn } from "../server/Door.ts"
import { expectOutcome, type Outcome, who, call } from "../server/guarantees/calls.ts"
import { pause } from "../server/guarantees/timing.ts"
import type { OwnOptions } from "../server/ServerTarget.ts"
import { cpuTicks, descendants, type ProcessEntry } from "../server/target/processTable.ts"

/** Where a fault plays: on a server of its own where the suite may start one, else on the one that was named. */
export class Stage {
  readonly bench: Bench
  #door: Door | null = null

  constructor(bench: Bench) {
    this.bench = bench
  }

  get runtimes(): ReadonlyArray<string> {
    return this.bench.target.runtimes
  }

  /** The server that the fault is for. */
  async server(): Promise<Door> {
    const { cmd } = this.bench.target.options
    this.#door ??= cmd === null ? this.bench.server : await this.bench.own()
    return this.#door
  }

  /** One of the suite's own; the fault has the trait `own`. */
  own(options: OwnOptions = {}): Promise<OwnServer> {
    return this.bench.own(options)
  }

  /** For the report. */
  saw(what: string): void {
    this.bench.context.observe(`observed: ${what}`)
  }

  /** The outcome of a call has to be this; it is told. */
  expect(
    what: string,
    outcome: Outcome,
    expected: { readonly status?: number; readonly code?: string | null },
    requirement?: string
  ): void {
    this.saw(`${what}: ${outcome.code === null ? outcome.status : `${outcome.code} (${outcome.status})`}`)
    expectOutcome(what, outcome, expected, requirement)
  }

  /**
   * Does something for as long as `work` takes: another client calls another function all the while, and has to be answered.
   */
  async whileServing<A>(door: Door, work: () => Promise<A>, requirement?: string): Promise<A> {
    const fn = await door.fn({ max_workers: 2 })
    await who(fn)
    let over = false
    let served = 0
    let slowest = 0
    const calling = (async () => {
      while (!over) {
        const began = performance.now()
        expectOutcome("a call of another client meanwhile", await call(fn), { status: 200 }, requirement)
        slowest = Math.max(slowest, performance.now() - began)
        served += 1
        await pause(5)
      }
    })()
    calling.catch(() => {})
    let value: A
    try {
      value = await work()
    } finally {
      over = true
    }
    await calling
    this.saw(`another client had ${served} answers meanwhile, the slowest after ${slowest.toFixed(0)} ms`)
    return value
  }
}

/**
 * The process of a function's one worker: the one below the server that computes while the function does. On a server that was
 * named nothing else is signalled.
 */
export const workerOf = async (fn: Fn): Promise<ProcessEntry> => {
  const { pid } = fn.door
  let seen: ReadonlyArray<string> = []
  for (let attempt = 0; attempt < 6; attempt += 1) {
    const before = new Map(descendants(pid).map((entry) => [entry.pid, cpuTicks(entry.pid)]))
    const { pid: told } = await who(fn, "/do/spin?ms=500")
    const after = descendants(pid)
    if (told !== null) {
      const found = after.find((entry) => entry.pid === told)
      if (found !== undefined) return found
    }
    const grown = after
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
