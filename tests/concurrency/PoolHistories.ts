import * as fc from "fast-check"
import type { WorkerId } from "../../src/domain/Ids.ts"
import type { PoolLimits } from "../../src/pool/PoolState.ts"
import { type PoolMachine, PoolWorld } from "./PoolModel.ts"
import type { KnownWorker } from "./PoolRules.ts"

type Act = (world: PoolWorld) => void

class Happening implements fc.Command<object, PoolWorld> {
  readonly #name: string
  readonly #when: (world: PoolWorld) => boolean
  readonly #act: Act

  constructor(name: string, when: (world: PoolWorld) => boolean, act: Act) {
    this.#name = name
    this.#when = when
    this.#act = act
  }

  check(): boolean {
    return true
  }

  run(_model: object, world: PoolWorld): void {
    if (this.#when(world)) this.#act(world)
  }

  toString(): string {
    return this.#name
  }
}

const always = (): boolean => true

/** Something that happens to one of the workers that `is` picks out. */
const toOne = (
  name: string,
  is: (worker: KnownWorker) => boolean,
  act: (world: PoolWorld, id: WorkerId) => void
): fc.Arbitrary<Happening> =>
  fc.nat(9).map(
    (index) =>
      new Happening(
        `${name}(${index})`,
        (world) => world.ids(is).length > 0,
        (world) => {
          const ids = world.ids(is)
          act(world, ids[index % ids.length] as WorkerId)
        }
      )
  )

export const arbitraryLimits: fc.Arbitrary<PoolLimits> = fc
  .record({
    maxWorkers: fc.integer({ min: 1, max: 6 }),
    warmWorkers: fc.integer({ min: 0, max: 3 }),
    concurrency: fc.integer({ min: 1, max: 4 }),
    idleTimeoutMs: fc.constantFrom(1, 50, 1_000, 300_000),
    mostInvocations: fc.constantFrom(1, 1, 3, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY),
    maxAgeMs: fc.constantFrom(40, 1_000, 300_000, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
  })
  .map((limits) => ({ ...limits, warmWorkers: Math.min(limits.warmWorkers, limits.maxWorkers) }))

const isStarting = (worker: KnownWorker): boolean => worker.phase === "starting"
const isBusy = (worker: KnownWorker): boolean => worker.leases > 0
const isReady = (worker: KnownWorker): boolean => worker.phase === "ready"
const canEnd = (worker: KnownWorker): boolean => worker.phase === "ending" || isReady(worker)

const happenings: ReadonlyArray<fc.Arbitrary<Happening>> = [
  fc.nat(12).map((n) => new Happening(`demand(${n})`, always, (world) => world.demand(n))),
  fc.nat(3).map(
    (more) =>
      new Happening(`submit(${more})`, always, (world) => {
        // The scheduler takes a worker that has room first, and only then says that somebody waits.
        for (let i = 0; i <= more; i += 1)
          if (world.waiting > 0 || !world.lease()) world.demand(world.waiting + 1)
      })
  ),
  fc.constant(
    new Happening(
      "lease",
      (world) => world.waiting > 0,
      (world) => void world.lease()
    )
  ),
  fc
    .boolean()
    .chain((succeeded) =>
      toOne(
        `release:${succeeded}`,
        isBusy,
        (world, worker) => void world.step({ _tag: "Released", worker, succeeded })
      )
    ),
  fc
    .constantFrom(1, 4, 4, 4)
    .chain((concurrency) =>
      toOne(
        `ready:${concurrency}`,
        isStarting,
        (world, worker) => void world.step({ _tag: "WorkerReady", worker, concurrency })
      )
    ),
  toOne("StartFailed", isStarting, (world, worker) => void world.step({ _tag: "StartFailed", worker })),
  toOne("lost", isReady, (world, worker) => void world.step({ _tag: "WorkerLost", worker })),
  toOne("late", isBusy, (world, worker) => void world.step({ _tag: "Condemned", worker, why: "late" })),
  toOne(
    "spare",
    (worker) => isReady(worker) && worker.leases === 0,
    (world, worker) => void world.step({ _tag: "Condemned", worker, why: "idle" })
  ),
  toOne("exits", canEnd, (world, worker) => {
    // A process that dies with work settles that first: the session says so before the exit is known.
    if ((world.workers.get(worker)?.leases ?? 0) > 0) world.step({ _tag: "WorkerLost", worker })
    world.step({ _tag: "WorkerExited", worker })
  }),
  fc.constantFrom(0, 1, 10, 49, 50, 100, 400, 1_000, 30_000, 300_000).map(
    (ms) =>
      new Happening(`after(${ms} ms)`, always, (world) => {
        world.now += ms
        const due = world.machine.nextTick(world.state)
        if (due !== null && due <= world.now) world.step({ _tag: "Tick" })
      })
  ),
  fc.integer({ min: 2, max: 12 }).map(
    (times) =>
      new Happening(`starts fail(${times})`, always, (world) => {
        for (let i = 0; i < times; i += 1) {
          const [worker] = world.ids(isStarting)
          if (worker !== undefined) world.step({ _tag: "StartFailed", worker })
          world.tick()
        }
      })
  ),
  fc.integer({ min: 2, max: 22 }).map(
    (times) =>
      new Happening(`crashes(${times})`, always, (world) => {
        for (let i = 0; i < times; i += 1) {
          const [worker] = world.ids(isReady)
          const [starting] = world.ids(isStarting)
          if (worker !== undefined) world.step({ _tag: "WorkerLost", worker })
          else if (starting !== undefined)
            world.step({ _tag: "WorkerReady", worker: starting, concurrency: 4 })
          else world.tick()
        }
      })
  ),
  fc.constantFrom(0.4, 0.6, 1, 1.2).map(
    (share) =>
      new Happening(
        `ages(${share})`,
        (world) => world.state.limits.maxAgeMs <= 300_000,
        (world) => {
          world.now += world.state.limits.maxAgeMs * share
          world.step({ _tag: "Tick" })
        }
      )
  ),
  fc.constant(new Happening("tick", always, (world) => world.tick())),
  fc.nat(8).map(
    (count) =>
      new Happening(
        `wanted(${count})`,
        (world) => !world.retired,
        (world) => void world.step({ _tag: "WorkersWanted", count, cause: "deploy" })
      )
  ),
  arbitraryLimits.map(
    (limits) =>
      new Happening(`limits(${JSON.stringify(limits)})`, always, (world) => {
        world.step({ _tag: "LimitsChanged", limits })
      })
  ),
  fc.constant(new Happening("reset", always, (world) => void world.step({ _tag: "Reset" }))),
  fc.constant(new Happening("retire", always, (world) => void world.step({ _tag: "Retired" })))
]

/** Any history of a pool that its shell could bring about keeps every guarantee, and comes to rest. */
export const poolKeepsItsGuarantees = (machine: PoolMachine, maxCommands = 60) =>
  fc.property(
    arbitraryLimits,
    fc.commands([...happenings, ...happenings.slice(0, 6)], { maxCommands, size: "max" }),
    (limits, commands) => {
      const world = new PoolWorld(machine, limits)
      fc.modelRun(() => ({ model: {}, real: world }), commands)
      world.comeToRest()
    }
  )
