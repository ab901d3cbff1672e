import { Effect, Exit, Fiber } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import type { ServerOptions } from "../config/ServerConfig.ts"
import { DeploymentFailed } from "../domain/Errors.ts"
import { ScheduledService, targetOf } from "../../tests/support/ScheduledService.ts"
import { startTimedOut } from "../../tests/support/ScriptedWorkers.ts"

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
const none = { starting: 0, warm: 0, busy: 0, idle: 0, draining: 0 }

describe("a deploy's pool", () => {
  it("is ready with its first worker, which takes the first invocation", async () => {
    open()
    const target = targetOf()
    expect(await prepare(target)).toEqual(Exit.void)
    expect(service.workers.all).toHaveLength(1)
    service.call(target, { id: "a" })
    await service.settled()
    expect(service.workers.last.inFlight.has("a")).toBe(true)
    expect(service.workers.all).toHaveLength(1)
  })

  it("fails with the bundle's own fault, and nothing of it remains", async () => {
    open()
    const fault = new DeploymentFailed({ stage: "handler", reason: "no handler" })
    service.workers.onStart = () => fault
    expect(await prepare(targetOf())).toEqual(Exit.fail(fault))
    expect(counts()).toEqual(none)
    expect(service.workers.live).toBe(0)
    await service.after(60_000)
    expect(service.workers.all).toHaveLength(1)
  })

  it("can be prepared again after it failed", async () => {
    open()
    service.workers.onStart = () => startTimedOut()
    expect(Exit.isFailure(await prepare(targetOf()))).toBe(true)
    service.workers.onStart = () => "ready"
    expect(await prepare(targetOf())).toEqual(Exit.void)
    expect(counts().warm + counts().idle).toBe(1)
  })

  it("that is given up while its worker starts keeps nothing of it", async () => {
    open()
    service.workers.onStart = () => "hangs"
    const fiber = Effect.runFork(service.pools.prepare(targetOf()))
    await service.settled()
    expect(counts().starting).toBe(1)
    await service.start(Fiber.interrupt(fiber))
    await service.settled()
    expect(counts()).toEqual(none)
    expect(service.workers.live).toBe(0)
  })

  it("that is given up while it waits for a place in the budget keeps nothing either", async () => {
    open({ maxWorkersTotal: 1 })
    service.call(targetOf({ name: "busy" }), { id: "a" })
    await service.settled()
    const fiber = Effect.runFork(service.pools.prepare(targetOf()))
    await service.settled()
    expect(counts().starting).toBe(1)
    await service.start(Fiber.interrupt(fiber))
    await service.settled()
    expect(counts()).toEqual(none)
    service.workers.last.respond("a")
    await service.after(1_000)
    expect(service.workers.all).toHaveLength(1)
  })

  it("shares one start among all who ask for it", async () => {
    open()
    service.workers.onStart = () => "hangs"
    const [first, second] = [prepare(targetOf()), prepare(targetOf())]
    const call = service.call(targetOf(), { id: "a" })
    await service.settled()
    expect(service.workers.all).toHaveLength(1)
    service.workers.last.becomeReady()
    expect([await first, await second]).toEqual([Exit.void, Exit.void])
    service.workers.last.respond("a")
    expect(call.story).toBe("200")
  })

  it("starts its warm workers when it is opened, and keeps them", async () => {
    open()
    const target = targetOf({ limits: { warm_workers: 2, idle_timeout_seconds: 1 } })
    await service.start(service.pools.open(target))
    await service.settled()
    expect(counts()).toEqual({ ...none, warm: 2 })
    await service.after(10_000)
    expect(counts()).toEqual({ ...none, warm: 2 })
    service.workers.last.crash()
    await service.settled()
    expect(counts()).toEqual({ ...none, warm: 2 })
  })
})

describe("a version that another one replaced (R-7)", () => {
  it("serves what waits for it, and ends", async () => {
    open()
    const target = targetOf({ limits: { max_workers: 1 } })
    const calls = ["a", "b", "c"].map((id) => service.call(target, { id }))
    await service.settled()
    await service.start(service.pools.retire(target.versionId))
    const worker = service.workers.last
    for (const id of ["a", "b", "c"]) {
      worker.respond(id)
      await service.settled()
    }
    expect(calls.map((call) => call.story)).toEqual(["200", "200", "200"])
    expect(service.workers.live).toBe(0)
    expect(counts()).toEqual(none)
  })

  it("serves a late comer too, and keeps nothing", async () => {
    open()
    const target = targetOf({ limits: { warm_workers: 2 } })
    await prepare(target)
    await service.start(service.pools.retire(target.versionId))
    await service.settled()
    expect(service.workers.live).toBe(0)
    const late = service.call(target, { id: "late" })
    await service.settled()
    expect(service.workers.live).toBe(1)
    service.workers.last.respond("late")
    await service.settled()
    expect(late.story).toBe("200")
    expect(service.workers.live).toBe(0)
  })

  it("ends its idle workers at once, and those that are still starting", async () => {
    open()
    const target = targetOf({ limits: { warm_workers: 2 } })
    await prepare(target)
    service.workers.onStart = () => "hangs"
    await service.start(service.pools.open(target))
    service.workers.living[0]?.crash()
    await service.settled()
    expect(counts().starting).toBeGreaterThan(0)
    await service.start(service.pools.retire(target.versionId))
    await service.settled()
    expect(service.workers.live).toBe(0)
    expect(counts()).toEqual(none)
  })

  it("is forgotten also where the last who waited gave up before a worker lived", async () => {
    open()
    service.workers.onStart = () => startTimedOut()
    const target = targetOf()
    service.call(target)
    await service.settled()
    const waiting = service.call(target)
    const pool = service.pools.poolFor(target)
    expect([waiting.story, pool.state.workers.length]).toEqual(["waits", 0])
    await service.start(service.pools.retire(target.versionId))
    expect(service.pools.poolFor(target)).toBe(pool)
    waiting.cancel()
    expect(service.pools.poolFor(target)).not.toBe(pool)
  })

  it("comes back by a roll-back, while its old workers are still on their way out", async () => {
    open()
    const target = targetOf()
    service.call(target, { id: "old" })
    await service.settled()
    const old = service.workers.last
    await service.start(service.pools.retire(target.versionId))
    expect(await prepare(target)).toEqual(Exit.void)
    expect(counts()).toMatchObject({ busy: 1 })
    const fresh = service.call(target, { id: "new" })
    await service.settled()
    service.workers.last.respond("new")
    expect(fresh.story).toBe("200")
    expect(service.workers.last).not.toBe(old)
    old.respond("old")
    await service.settled()
    expect(old.alive).toBe(false)
    expect(service.workers.last.alive).toBe(true)
  })
})

describe("a version's last worker", () => {
  it("is waited for, with those of a pool that a newer one has replaced", async () => {
    open()
    const target = targetOf()
    const story: Array<string> = []
    const wait = (name: string) =>
      Effect.runFork(Effect.map(service.pools.gone(target.versionId), () => story.push(name)))
    wait("never there")
    await service.settled()
    expect(story).toEqual(["never there"])
    service.call(target, { id: "old" })
    await service.settled()
    const old = service.workers.last
    await service.start(service.pools.retire(target.versionId))
    await prepare(target)
    await service.start(service.pools.retire(target.versionId))
    await service.settled()
    wait("replaced")
    const givenUp = wait("given up")
    await service.settled()
    expect(story).toEqual(["never there"])
    await service.start(Fiber.interrupt(givenUp))
    old.respond("old")
    await service.settled()
    expect(story).toEqual(["never there", "replaced"])
    expect(service.workers.live).toBe(0)
  })
})

describe("a worker that dies (R-4)", () => {
  it("idle: the next invocation never meets it", async () => {
    open()
    const target = targetOf()
    await prepare(target)
    const dead = service.workers.last
    dead.crash()
    // Before the pool's fibre had a turn.
    const call = service.call(target, { id: "a" })
    await service.settled()
    const replacement = service.workers.last
    expect(replacement).not.toBe(dead)
    replacement.respond("a")
    expect(call.story).toBe("200")
    expect(service.logs.filter(({ workerId }) => workerId === dead.id).map(({ message }) => message)).toEqual(
      ["a worker of fn exited with code 3"]
    )
  })

  it("with several in flight: they alone fail, the others are served", async () => {
    open()
    const target = targetOf({ limits: { concurrency: 2, max_workers: 2 } })
    const calls = ["a", "b", "c", "d", "e"].map((id) => service.call(target, { id }))
    await service.settled()
    const [first, second] = service.workers.living
    const lost = [...(first?.inFlight.keys() ?? [])]
    expect(lost).toHaveLength(2)
    first?.crash()
    for (let i = 0; i < 5; i += 1) {
      await service.settled()
      for (const worker of service.workers.living) for (const id of worker.inFlight.keys()) worker.respond(id)
    }
    expect(second?.kills).toBe(0)
    expect(calls.map((call) => call.story).sort()).toEqual([
      "200",
      "200",
      "200",
      "WorkerCrashed:exit",
      "WorkerCrashed:exit"
    ])
  })

  it("by breaking the protocol: it is killed and replaced", async () => {
    open()
    const call = service.call(targetOf(), { id: "a" })
    await service.settled()
    const worker = service.workers.last
    worker.misbehave()
    expect(call.story).toBe("WorkerCrashed:protocol")
    await service.settled()
    expect(worker.kills).toBeGreaterThan(0)
    expect(worker.alive).toBe(false)
    service.call(targetOf(), { id: "b" })
    await service.settled()
    expect(service.workers.last).not.toBe(worker)
  })

  it("or does not start: what waits is started for when the back-off ends, though others live", async () => {
    open()
    const target = targetOf({ limits: { max_workers: 2 } })
    service.call(target, { id: "a" })
    await service.settled()
    // From here on the pool watches an idle time-out that is far away.
    service.workers.last.respond("a")
    service.call(target, { id: "b" })
    service.workers.onStart = () => startTimedOut()
    const waiting = service.call(target, { id: "c" })
    await service.settled()
    expect(service.workers.all).toHaveLength(2)
    service.workers.onStart = () => "ready"
    await service.after(99)
    expect([waiting.story, service.workers.all.length]).toEqual(["waits", 2])
    await service.after(1)
    service.workers.last.respond("c")
    expect(waiting.story).toBe("200")
  })

  it("again and again: three are replaced at once, then with a growing wait, and one success ends it", async () => {
    open()
    const target = targetOf({ limits: { max_workers: 1 } })
    const crashAt: Array<number> = []
    const startedAt: Array<number> = []
    service.workers.onSpawned = () => void startedAt.push(service.clock.now)
    for (let i = 0; i < 8; i += 1) {
      const call = service.call(target)
      while (service.workers.living.every((worker) => worker.inFlight.size === 0)) await service.after(5)
      crashAt.push(service.clock.now)
      service.workers.last.crash()
      await service.settled()
      expect(call.story).toBe("WorkerCrashed:exit")
    }
    const waits = crashAt.slice(0, -1).map((at, i) => (startedAt[i + 1] as number) - at)
    expect(waits.map((ms) => Math.floor(ms / 50) * 50)).toEqual([0, 0, 0, 50, 100, 200, 250])
    service.call(target, { id: "well" })
    while (service.workers.living.length === 0) await service.after(5)
    service.workers.last.respond("well")
    service.workers.last.crash()
    await service.settled()
    const now = service.clock.now
    service.call(target)
    await service.settled()
    expect(startedAt.at(-1)).toBe(now)
  })
})

describe("workers without work", () => {
  it("end after their idle time-out, the one that worked last stays longest", async () => {
    open()
    const target = targetOf({ limits: { idle_timeout_seconds: 10, warm_workers: 1 } })
    for (const id of ["a", "b", "c"]) service.call(target, { id })
    await service.settled()
    const { all } = service.workers
    for (const [i, id] of ["a", "b", "c"].entries()) {
      await service.after(1_000)
      all[i]?.respond(id)
    }
    expect(counts()).toEqual({ ...none, warm: 3 })
    await service.after(6_000)
    expect(counts()).toEqual({ ...none, warm: 1, idle: 2 })
    await service.after(2_100)
    expect(all.map((worker) => worker.alive)).toEqual([false, true, true])
    await service.after(100_000)
    expect(all.map((worker) => worker.alive)).toEqual([false, false, true])
    expect(service.clock.armed).toBe(0)
  })
})
