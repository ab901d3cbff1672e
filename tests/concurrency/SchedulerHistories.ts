import * as fc from "fast-check"
import type { FunctionLimits } from "../../src/domain/FunctionSpec.ts"
import type { SchedulerParts } from "../support/ScheduledService.ts"
import { goodManners, type Manners, startTimedOut } from "../support/ScriptedWorkers.ts"
import { closeAmidst, type End } from "./SchedulerEnd.ts"
import { SchedulerWorld } from "./SchedulerModel.ts"
import type { Setting } from "./Setting.ts"

type Act = (world: SchedulerWorld) => void | Promise<void>

class Happening implements fc.AsyncCommand<object, SchedulerWorld> {
  readonly #name: string
  readonly #act: Act
  /** Whether fibres get a turn before the next thing happens. */
  readonly #settles: boolean

  constructor(name: string, act: Act, settles: boolean) {
    this.#name = name
    this.#act = act
    this.#settles = settles
  }

  check(): boolean {
    return true
  }

  async run(_model: object, world: SchedulerWorld): Promise<void> {
    await this.#act(world)
    if (this.#settles) await world.service.settled()
    world.check()
  }

  toString(): string {
    return this.#settles ? `${this.#name};` : this.#name
  }
}

const happening = <A>(
  name: string,
  of: fc.Arbitrary<A>,
  act: (world: SchedulerWorld, value: A) => void | Promise<void>
) =>
  fc
    .tuple(of, fc.boolean())
    .map(
      ([value, settles]) =>
        new Happening(`${name}(${JSON.stringify(value) ?? ""})`, (world) => act(world, value), settles)
    )

const index = fc.nat(7)
const fn = fc.nat(1)
const deadlineMs = fc.oneof(
  { weight: 5, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 9.5, 40, 200) }
)
const how = fc.constantFrom(
  "responds" as const,
  "responds" as const,
  "responds" as const,
  "fails" as const,
  "runs out of memory" as const,
  "gives up" as const
)
const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const submits = happening(
  "submit",
  fc.tuple(fn, deadlineMs, fc.nat(9), fc.nat(9)),
  (world, [f, ms, old, same]) => world.submit(f, ms, old === 0, same === 0)
)
const answers = happening("answer", fc.tuple(index, fc.boolean(), how), (world, [i, newest, it]) =>
  world.answer(i, newest, it)
)
const ready = happening("ready", index, (world, i) => world.start(i, "ready"))
const time = happening("after", fc.constantFrom(0, 1, 10, 35, 100, 300, 1_000, 5_000), (world, ms) =>
  world.service.after(ms)
)

const happenings: ReadonlyArray<fc.Arbitrary<Happening>> = [
  submits,
  submits,
  submits,
  happening("burst", fc.tuple(fn, fc.integer({ min: 2, max: 8 })), (world, [f, n]) => {
    for (let i = 0; i < n; i += 1) world.submit(f, null, false, false)
  }),
  happening("all start", fc.constant(undefined), (world) => {
    for (let i = 0; i < 8; i += 1) world.start(0, "ready")
  }),
  happening("all answer", fc.nat(5), (world, n) => {
    for (let i = 0; i <= n; i += 1) world.answer(i, false, "responds")
  }),
  answers,
  answers,
  answers,
  ready,
  ready,
  time,
  time,
  happening("cancel", fc.nat(30), (world, i) => world.cancel(i)),
  happening("start fails", index, (world, i) => world.start(i, startTimedOut())),
  happening("crash", index, (world, i) => world.worker(i, (worker) => worker.crash())),
  happening("misbehave", index, (world, i) => world.worker(i, (worker) => worker.misbehave())),
  happening("answers what nobody asked", index, (world, i) =>
    world.worker(i, (worker) => worker.phase === "ready" && worker.respond("nobody-asked"))
  ),
  happening("prints", index, (world, i) =>
    world.worker(i, (worker) => worker.sayBytes(encode("not a message\n")))
  ),
  happening("exits", index, (world, i) => world.worker(i, (worker) => worker.exit())),
  happening("deploy", fc.tuple(fn, fc.boolean()), (world, [f, back]) => world.deploy(f, back))
]

const arbitraryManners: fc.Arbitrary<Manners> = fc.record({
  features: fc.constantFrom<Manners["features"]>(
    goodManners.features,
    goodManners.features,
    ["cancel"],
    null
  ),
  obeysCancel: fc.boolean(),
  answersPing: fc.boolean(),
  lingers: fc.constantFrom(false, false, true)
})

const arbitraryLimits: fc.Arbitrary<Partial<FunctionLimits>> = fc.record({
  timeout_seconds: fc.constantFrom(0.05, 0.5, 3, 30),
  max_concurrent_executions: fc.integer({ min: 1, max: 5 }),
  warm_workers: fc.nat(1),
  max_workers: fc.integer({ min: 1, max: 3 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
  idle_timeout_seconds: fc.constantFrom(0.05, 1, 300)
})

const arbitrarySetting: fc.Arbitrary<Setting> = fc.record({
  maxQueueLength: fc.integer({ min: 1, max: 8 }),
  maxQueueWaitMs: fc.constantFrom(30, 400, 30_000),
  maxWorkersTotal: fc.integer({ min: 3, max: 6 }),
  maxConcurrentStarts: fc.integer({ min: 1, max: 4 }),
  returning: fc.constantFrom(0, 0, 5),
  functions: fc.tuple(arbitraryLimits, arbitraryLimits),
  manners: fc.array(arbitraryManners, { minLength: 1, maxLength: 4 }),
  starts: fc.array(
    fc.constantFrom("hangs", "hangs", "hangs", "ready", "ready", "ready", "fails", "refuses"),
    {
      minLength: 1,
      maxLength: 6
    }
  )
})

/**
 * Any history of callers, workers and deploys keeps every guarantee. At its end the world comes to rest with nothing left
 * over, or the server closes in the middle of it, at once or at the end of its drain time.
 */
export const schedulerKeepsItsGuarantees = (maxCommands: number, parts?: () => SchedulerParts) =>
  fc.asyncProperty(
    arbitrarySetting,
    fc.commands([...happenings], { maxCommands, size: "max" }),
    fc.constantFrom<End>("rests", "rests", "rests", "rests", "closes", "drains"),
    async (setting, commands, end) => {
      const world = new SchedulerWorld(setting, parts?.())
      try {
        await fc.asyncModelRun(() => ({ model: {}, real: world }), commands)
        if (end === "rests") await world.comeToRest()
        else await closeAmidst(world, end)
      } finally {
        await world.service.dispose()
      }
    }
  )
