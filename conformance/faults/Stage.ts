import type { Bench, OwnServer } from "../server/Bench.ts"
import type { Door, Fn } from "../server/Door.ts"
import { expectOutcome, type Outcome, who, call } from "../server/guarantees/calls.ts"
import { pause } from "../server/guarantees/timing.ts"
import type { OwnOptions } from "../server/ServerTarget.ts"
import type { ProcessEntry } from "../server/target/processTable.ts"
import { TELL_THEIR_PID, workerOf } from "./workerOf.ts"

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

  /** Whether the suite starts the servers that faults are for. */
  get #isOwn(): boolean {
    return this.bench.target.options.cmd !== null
  }

  /** The runtimes whose workers may be sent signals: where the server is not the suite's own, those that say who they are. */
  get signalledRuntimes(): ReadonlyArray<string> {
    const signalled = this.runtimes.filter((name) => this.#isOwn || TELL_THEIR_PID.includes(name))
    const left = this.runtimes.filter((name) => !signalled.includes(name))
    if (left.length > 0)
      this.saw(`not played on ${left.join(", ")}, whose workers do not tell which process they are`)
    return signalled
  }

  /** The process of a function's one worker. */
  workerOf(fn: Fn): Promise<ProcessEntry> {
    return workerOf(fn, this.#isOwn)
  }

  /** The server that the fault is for. */
  async server(): Promise<Door> {
    this.#door ??= this.#isOwn ? await this.bench.own() : this.bench.server
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
