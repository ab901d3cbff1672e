import { afterEach, describe, expect, it } from "vitest"
import type { Target } from "../domain/Invocation.ts"
import { ScheduledService, type TargetSketch, targetOf } from "../../tests/support/ScheduledService.ts"
import { goodManners } from "../../tests/support/ScriptedWorkers.ts"

let service: ScheduledService
afterEach(async () => {
  await service.dispose()
  expect(service.workers.hostFaults).toEqual([])
  expect(service.workers.live).toBe(0)
})

const alone = (limits: TargetSketch["limits"] = {}): Target => ({
  ...targetOf({ limits: { concurrency: 8, ...limits } }),
  isolation: "invocation"
})
const served = () =>
  service.workers.all.map(({ heard }) => heard.filter(({ type }) => type === "invoke").length)

describe('isolation "invocation": a worker has one invocation in its life', () => {
  it("starts a fresh one for each, and ends it with its answer", async () => {
    service = new ScheduledService()
    service.workers.onInvoked = (worker, { id }) => worker.respond(id)
    const target = alone()
    for (let i = 0; i < 3; i += 1) {
      const call = service.call(target)
      await service.settled()
      expect(call.story).toBe("200")
      expect(service.workers.live).toBe(0)
    }
    expect(served()).toEqual([1, 1, 1])
  })

  it("never gives a worker two at once, and never has more than max_workers", async () => {
    service = new ScheduledService()
    service.workers.manners = () => ({ ...goodManners, lingers: true })
    const target = alone({ max_workers: 2 })
    const calls = Array.from({ length: 5 }, () => service.call(target))
    await service.settled()
    while (calls.some((call) => !call.settled)) {
      for (const worker of service.workers.living)
        for (const id of [...worker.inFlight.keys()]) worker.respond(id)
      await service.settled()
      // Its place is free only when its process is gone.
      for (const worker of service.workers.living) worker.exit()
      await service.settled()
    }
    expect(calls.map(({ story }) => story)).toEqual(Array.from({ length: 5 }, () => "200"))
    expect(served()).toEqual([1, 1, 1, 1, 1])
    expect(service.workers.mostLive).toBe(2)
  })

  it("keeps warm_workers fresh ones ready, and makes the next one ready while one is used", async () => {
    service = new ScheduledService()
    const target = alone({ warm_workers: 1, max_workers: 3 })
    await service.start(service.pools.open(target))
    await service.settled()
    expect(service.workers.all).toHaveLength(1)
    const call = service.call(target, { id: "a" })
    await service.settled()
    expect(service.workers.living.map(({ inFlight }) => inFlight.size)).toEqual([1, 0])
    expect(service.pools.countsOf(target.functionId)).toMatchObject({ busy: 1, warm: 1 })
    service.workers.all[0]?.respond("a")
    await service.settled()
    expect(call.story).toBe("200")
    await service.after(600_000)
    // The used one is gone; the one that waits for its invocation stays.
    expect(service.workers.living.map(({ id }) => id)).toEqual([service.workers.all[1]?.id])
    expect(served()).toEqual([1, 0])
  })

  it("replaces one that dies with its invocation", async () => {
    service = new ScheduledService()
    const target = alone({ warm_workers: 1, max_workers: 2 })
    const call = service.call(target)
    await service.settled()
    service.workers.all[0]?.crash()
    await service.settled()
    expect(call.story).toBe("WorkerCrashed:exit")
    expect(service.workers.living).toHaveLength(1)
    service.workers.onInvoked = (worker, { id }) => worker.respond(id)
    const next = service.call(target)
    await service.settled()
    expect(next.story).toBe("200")
  })
})
