import { describe, expect, it } from "vitest"
import { SimulatedClock } from "../../tests/support/SimulatedClock.ts"
import { type SpareProcess, SpareProcesses } from "./SpareProcesses.ts"
import type { TransportEvents } from "./SocketTransport.ts"
import type { WorkerFault } from "./WorkerAnswer.ts"
import type { WorkerBody } from "./WorkerConversation.ts"

const READY = `${JSON.stringify({ id: "", type: "ready", payload: {} })}\n`

/** A process that does as the test says. A killed one ends. */
class ScriptedProcess {
  readonly signals: Array<string> = []
  discarded = false
  usable = true
  #gone = false
  #events: TransportEvents | null = null
  readonly #end = Promise.withResolvers<WorkerFault>()
  readonly body: WorkerBody & { readonly script: ScriptedProcess } = {
    script: this,
    pid: () => 1,
    open: (_transport, events) => {
      this.#events = events
      return Promise.resolve()
    },
    load: null,
    booted: () => null,
    hungUp: () => {},
    gone: this.#end.promise,
    isGone: () => this.#gone,
    signal: (signal) => {
      this.signals.push(signal)
      void this.ends(`was ended by ${signal}`)
    },
    discard: () => void (this.discarded = true)
  }

  says(text: string): void {
    this.#events?.data(Buffer.from(text))
  }

  hangsUp(): void {
    this.#events?.closed()
  }

  async ends(reason: string): Promise<void> {
    this.#gone = true
    this.#end.resolve({ kind: "exit", reason })
    await settled()
  }
}

/** Whatever was promised has been told. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 10; i += 1) await Promise.resolve()
}

const stock = (most: number) => {
  const clock = new SimulatedClock()
  const started: Array<ScriptedProcess> = []
  const said: Array<string> = []
  const state = { quiet: true, fails: null as string | null, words: "" }
  const spares = new SpareProcesses({
    start: () => {
      if (state.fails !== null) throw new Error(state.fails)
      const one = new ScriptedProcess()
      started.push(one)
      return one.body
    },
    usable: ({ script }) => script.usable,
    lastWords: () => Promise.resolve(state.words),
    most,
    startupMs: 5_000,
    clock: clock.service,
    quiet: () => state.quiet,
    say: (level, message) => void said.push(`${level} ${message}`)
  })
  const last = (): ScriptedProcess => started.at(-1) as ScriptedProcess
  /** One more is there. */
  const make = (): ScriptedProcess => {
    spares.refill()
    last().says(READY)
    return last()
  }
  const takes = (): ScriptedProcess | null =>
    (spares.take() as SpareProcess<ScriptedProcess["body"]> | null)?.body.script ?? null
  return { clock, started, said, state, spares, last, make, takes }
}

describe("spare processes", () => {
  it("can be taken once they have said ready, each once, the oldest first, with what they said", () => {
    const { clock, last, make, spares, started, takes } = stock(2)
    spares.refill()
    expect([started.length, spares.count, takes()]).toEqual([1, 0, null])
    last().says(READY.slice(0, 5))
    expect(spares.count).toBe(0)
    last().says(READY.slice(5))
    expect(spares.count).toBe(1)
    clock.advance(10)
    const second = make()
    const first = spares.take()
    expect(Buffer.concat([...(first?.said ?? [])]).toString()).toBe(READY)
    expect([takes(), takes()]).toEqual([second, null])
    expect(started).toHaveLength(2)
  })

  it("are made one after another, up to what is wanted, by themselves once one is there", () => {
    const { clock, last, spares, started } = stock(3)
    for (let i = 0; i < 3; i += 1) spares.refill()
    expect(started).toHaveLength(1)
    for (let made = 1; made <= 3; made += 1) {
      last().says(READY)
      expect(spares.count).toBe(made)
      clock.advance(10)
    }
    expect(started).toHaveLength(3)
  })

  it("are not made while a worker starts; its end makes up for them", () => {
    const { clock, last, spares, started, state } = stock(2)
    state.quiet = false
    spares.refill()
    expect(started).toHaveLength(0)
    state.quiet = true
    spares.refill()
    state.quiet = false
    last().says(READY)
    clock.advance(60_000)
    expect(started).toHaveLength(1)
    state.quiet = true
    spares.refill()
    expect(started).toHaveLength(2)
  })

  it.each([
    [
      "has ended, which nobody has heard of yet",
      (one: ScriptedProcess) => void one.ends("exited with code 0")
    ],
    ["is of no use any more", (one: ScriptedProcess) => void (one.usable = false)]
  ])("one that %s is not given away, and cleared up", async (_what, spoil) => {
    const { make, takes } = stock(1)
    const one = make()
    spoil(one)
    expect(takes()).toBeNull()
    await settled()
    expect(one.discarded).toBe(true)
  })

  it("that die are replaced, with back-off, and it is told once", async () => {
    const { clock, last, make, said, spares, started, state } = stock(1)
    state.words = "a complaint"
    make()
    let wait = 100
    for (let deaths = 1; deaths <= 12; deaths += 1) {
      await last().ends("was ended by SIGKILL")
      expect([spares.count, last().discarded]).toEqual([0, true])
      clock.advance(wait - 1)
      expect(started).toHaveLength(deaths)
      clock.advance(1)
      expect(started).toHaveLength(deaths + 1)
      wait = Math.min(wait * 2, 30_000)
    }
    expect(said).toEqual([
      "warn a spare worker was ended by SIGKILL; until there is another one, workers are started one by one, which takes longer; it printed: a complaint"
    ])
    last().says(READY)
    expect(said[1]).toBe("info there is a spare worker again")
  })

  it("forget what was lost once one was taken, or has lived long", async () => {
    for (const recover of ["taken", "old"] as const) {
      const { clock, last, make, spares, started, takes } = stock(1)
      make()
      await last().ends("was ended by SIGKILL")
      clock.advance(100)
      last().says(READY)
      if (recover === "taken") {
        takes()
        make()
      } else clock.advance(10_000)
      const before = started.length
      await last().ends("was ended by SIGKILL")
      clock.advance(100)
      expect(started.length).toBe(before + 1)
      expect(spares.count).toBe(0)
    }
  })

  it("that cannot be started are tried again with back-off, one try at a time", () => {
    const { clock, said, spares, started, state } = stock(4)
    state.fails = "EAGAIN"
    spares.refill()
    expect(said).toEqual([
      "warn a spare worker could not be started: EAGAIN; until there is another one, workers are started one by one, which takes longer"
    ])
    // starts that are over in the meantime change nothing about it
    for (let i = 0; i < 5; i += 1) spares.refill()
    expect(clock.armed).toBe(1)
    clock.advance(100)
    clock.advance(200)
    expect([said.length, clock.armed]).toEqual([1, 1])
    state.fails = null
    clock.advance(399)
    expect(started).toHaveLength(0)
    clock.advance(1)
    expect(started).toHaveLength(1)
  })

  it.each([
    [
      "says nothing within its time",
      (s: ReturnType<typeof stock>) => s.clock.advance(5_000),
      "was not ready"
    ],
    ["says too much", ({ last }: ReturnType<typeof stock>) => last().says("x".repeat(8_000)), "said more"],
    ["hangs up", ({ last }: ReturnType<typeof stock>) => last().hangsUp(), "was ended by SIGKILL"],
    [
      "exits",
      ({ last }: ReturnType<typeof stock>) => void last().ends("exited with code 3"),
      "exited with code 3"
    ]
  ])("one that %s is given up", async (_what, misbehave, reason) => {
    const all = stock(1)
    all.spares.refill()
    misbehave(all)
    await settled()
    const one = all.started[0] as ScriptedProcess
    expect([one.discarded, all.spares.count, one.body.isGone()]).toEqual([true, 0, true])
    expect(all.said[0]).toContain(reason)
    // what it says afterwards is nobody's
    one.says(READY)
    expect(all.spares.count).toBe(0)
  })

  it("that were taken are the taker's: their end is no loss here", async () => {
    const { clock, last, make, said, spares, started, takes } = stock(1)
    make()
    const one = takes() as ScriptedProcess
    await one.ends("exited with code 0")
    expect([one.discarded, one.signals, said]).toEqual([false, [], []])
    spares.refill()
    expect(started).toHaveLength(2)
    clock.advance(1)
    last().says(READY)
    expect(spares.count).toBe(1)
  })

  it("end when it is closed, those that are not ready too, and none is made any more", async () => {
    const { clock, last, make, said, spares, started } = stock(2)
    make()
    clock.advance(10)
    expect(started).toHaveLength(2)
    await spares.close()
    expect(started.map(({ discarded, signals }) => [discarded, signals])).toEqual([
      [true, ["SIGKILL"]],
      [true, ["SIGKILL"]]
    ])
    last().says(READY)
    spares.refill()
    clock.advance(60_000)
    expect([spares.count, spares.take(), started.length, said]).toEqual([0, null, 2, []])
  })
})
