import { Effect } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import type { ServerOptions } from "../config/ServerConfig.ts"
import { ScheduledService, targetOf } from "../../tests/support/ScheduledService.ts"
import { goodManners, startTimedOut } from "../../tests/support/ScriptedWorkers.ts"

let service: ScheduledService
const open = (options: Partial<ServerOptions> = {}): ScheduledService =>
  (service = new ScheduledService(options))
afterEach(async () => {
  await service.dispose()
  expect(service.workers.hostFaults).toEqual([])
  expect(service.workers.live).toBe(0)
})

const prepare = (target: ReturnType<typeof targetOf>) =>
  service.start(Effect.exit(service.pools.prepare(target)))
const counts = (target = targetOf()) => service.pools.countsOf(target.functionId)

describe("the machine's budget of workers (R-5, R-6)", () => {
  it("takes an idle worker for whoever waits", async () => {
    open({ maxWorkersTotal: 1 })
    await prepare(targetOf({ name: "idle" }))
    const call = service.call(targetOf(), { id: "a" })
    await service.settled()
    service.workers.last.respond("a")
    expect(call.story).toBe("200")
    expect(service.workers.mostLive).toBe(1)
  })

  it("takes one that becomes idle only after it was asked for", async () => {
    open({ maxWorkersTotal: 2 })
    const greedy = targetOf({ name: "greedy" })
    for (const id of ["a", "b"]) service.call(greedy, { id })
    await service.settled()
    const call = service.call(targetOf(), { id: "c" })
    await service.settled()
    expect(service.workers.all).toHaveLength(2)
    service.workers.all[0]?.respond("a")
    await service.settled()
    expect(service.workers.all).toHaveLength(3)
    service.workers.last.respond("c")
    expect(call.story).toBe("200")
    expect(service.workers.mostLive).toBe(2)
    expect(counts(greedy)).toMatchObject({ busy: 1 })
  })

  it("takes one for a warm worker's start once somebody waits for it", async () => {
    open({ maxWorkersTotal: 1 })
    await prepare(targetOf({ name: "idle" }))
    const target = targetOf({ limits: { warm_workers: 1 } })
    await service.start(service.pools.open(target))
    await service.settled()
    // To be warm is no reason to take another function's worker away.
    expect([service.workers.all.length, counts(target).starting]).toEqual([1, 1])
    const call = service.call(target, { id: "a" })
    await service.settled()
    service.workers.last.respond("a")
    expect(call.story).toBe("200")
  })

  it("ends no more workers than it needs places, however slowly they end", async () => {
    open({ maxWorkersTotal: 3 })
    service.workers.manners = () => ({ ...goodManners, lingers: true })
    const greedy = targetOf({ name: "greedy", limits: { max_workers: 3 } })
    for (const id of ["a", "b", "c"]) service.call(greedy, { id })
    await service.settled()
    const call = service.call(targetOf(), { id: "d" })
    for (const [i, id] of ["a", "b", "c"].entries()) service.workers.all[i]?.respond(id)
    await service.settled()
    expect(service.workers.living.filter((worker) => worker.ending)).toHaveLength(1)
    for (const worker of service.workers.living) worker.exit()
    await service.settled()
    service.workers.last.respond("d")
    expect(call.story).toBe("200")
  })

  it("serves functions in turn", async () => {
    open({ maxWorkersTotal: 4, maxConcurrentStarts: 1 })
    service.workers.onStart = () => "hangs"
    const order: Array<string> = []
    service.workers.onSpawned = (worker) => void order.push(worker.target.name)
    const greedy = targetOf({ name: "greedy" })
    for (let i = 0; i < 3; i += 1) service.call(greedy)
    service.call(targetOf({ name: "modest" }))
    for (let i = 0; i < 4; i += 1) {
      await service.settled()
      service.workers.starting[0]?.becomeReady()
    }
    expect(order).toEqual(["greedy", "modest", "greedy", "greedy"])
  })

  it("counts a worker until it has ended, and never more than so many starts at once", async () => {
    open({ maxWorkersTotal: 2, maxConcurrentStarts: 1 })
    service.workers.manners = () => ({ ...goodManners, lingers: true })
    service.workers.onStart = () => "hangs"
    const target = targetOf({ limits: { timeout_seconds: 900 } })
    for (let i = 0; i < 4; i += 1) service.call(target, { id: `c${i}` })
    await service.settled()
    expect(service.workers.starting).toHaveLength(1)
    service.workers.last.failStart(startTimedOut())
    await service.settled()
    // It failed, but its process is not gone: another may not yet take its place.
    expect(service.workers.live).toBeLessThanOrEqual(2)
    for (const worker of service.workers.living) worker.exit()
    await service.settled()
    expect(service.workers.live).toBeLessThanOrEqual(2)
  })

  const callOften = (target: ReturnType<typeof targetOf>, calls: number): void => {
    for (let i = 0; i < calls; i += 1) service.call(target)
  }
  const answerAll = async (): Promise<void> => {
    for (const worker of service.workers.living)
      for (const id of [...worker.inFlight.keys()]) worker.respond(id)
    await service.settled()
  }

  it("gives a function its share though another one always has work (R-6)", async () => {
    open({ maxWorkersTotal: 4 })
    const greedy = targetOf({ name: "greedy" })
    const modest = targetOf({ name: "modest" })
    callOften(greedy, 100)
    await service.settled()
    expect(counts(greedy).busy).toBe(4)
    callOften(modest, 100)
    await service.settled()
    // What they have is finished first.
    expect([counts(greedy).busy, counts(greedy).draining]).toEqual([2, 2])
    await answerAll()
    await answerAll()
    expect([counts(greedy).busy, counts(modest).busy]).toEqual([2, 2])
    for (let i = 0; i < 10; i += 1) await answerAll()
    expect([counts(greedy).busy, counts(modest).busy]).toEqual([2, 2])
    expect(service.workers.mostLive).toBe(4)
  })

  it("lets functions take turns where they are more than there are places", async () => {
    open({ maxWorkersTotal: 1 })
    const names = ["one", "two", "three"]
    const targets = names.map((name) => targetOf({ name, limits: { timeout_seconds: 60 } }))
    for (const target of targets) callOften(target, 200)
    const served = new Set<string>()
    for (let second = 0; second < 6; second += 1) {
      for (let i = 0; i < 5; i += 1) await answerAll()
      for (const { functionName, outcome } of service.records) if (outcome === "ok") served.add(functionName)
      await service.after(1_000)
    }
    expect([...served].toSorted()).toEqual(names.toSorted())
    expect(service.workers.mostLive).toBe(1)
  })

  it("gives a place that a warm worker made to whoever it was made for, and not back", async () => {
    open({ maxWorkersTotal: 2 })
    const warm = targetOf({ name: "warm", limits: { warm_workers: 1, max_workers: 2 } })
    await service.start(service.pools.open(warm))
    const target = targetOf({ limits: { max_workers: 2 } })
    for (const id of ["a", "b"]) service.call(target, { id })
    await service.settled()
    expect([counts(target).busy, service.workers.all.length]).toEqual([2, 3])
    await answerAll()
    await service.after(1_000)
    expect(service.workers.all.length).toBeLessThan(6)
  })
})
