import { afterEach, describe, expect, it } from "vitest"
import { ScheduledService, targetOf } from "../../tests/support/ScheduledService.ts"

let service: ScheduledService
afterEach(async () => {
  await service.dispose()
  expect(service.workers.hostFaults).toEqual([])
  expect(service.workers.live).toBe(0)
})

const startCauses = () => service.records.map(({ coldStart }) => coldStart?.cause ?? "warm already")

describe("a worker that has come to the end of its life", () => {
  it("of many invocations is replaced by another one, which says why it was started", async () => {
    service = new ScheduledService()
    const target = targetOf({ limits: { max_worker_invocations: 2 } })
    for (let i = 0; i < 5; i += 1) {
      const call = service.call(target, { id: `call-${i}` })
      await service.settled()
      service.workers.last.respond(`call-${i}`)
      await service.settled()
      expect(call.story).toBe("200")
    }
    const served = service.workers.all.map(
      ({ heard }) => heard.filter(({ type }) => type === "invoke").length
    )
    expect(served).toEqual([2, 2, 1])
    expect(startCauses()).toEqual(["first", "warm already", "recycle", "warm already", "recycle"])
  })

  it("finishes what it has, with several in flight, and gets nothing more", async () => {
    service = new ScheduledService()
    const target = targetOf({ limits: { max_worker_invocations: 3, concurrency: 4, max_workers: 1 } })
    const calls = ["a", "b", "c", "d"].map((id) => service.call(target, { id }))
    await service.settled()
    const [first] = service.workers.all
    expect([...(first?.inFlight.keys() ?? [])]).toEqual(["a", "b", "c"])
    for (const id of ["b", "a", "c"]) first?.respond(id)
    await service.settled()
    expect(service.workers.all).toHaveLength(2)
    service.workers.last.respond("d")
    await service.settled()
    expect(calls.map(({ story }) => story)).toEqual(["200", "200", "200", "200"])
  })

  it("of age has its successor ready before it goes, one after another", async () => {
    service = new ScheduledService()
    service.workers.onInvoked = (worker, { id }) => worker.respond(id)
    const target = targetOf({ limits: { warm_workers: 2, max_workers: 3, max_worker_age_seconds: 60 } })
    await service.start(service.pools.open(target))
    await service.settled()
    const old = [...service.workers.all]
    expect(old).toHaveLength(2)
    service.workers.onStart = () => "hangs"
    await service.after(60_000)
    // One starts; both old ones are there for as long as it takes.
    expect(service.workers.all).toHaveLength(3)
    expect(service.workers.living).toHaveLength(3)
    const call = service.call(target)
    await service.settled()
    expect(call.story).toBe("200")
    service.workers.onStart = () => "ready"
    service.workers.last.becomeReady()
    await service.settled()
    await service.after(1)
    expect(old.map(({ alive }) => alive)).toEqual([false, false])
    expect(service.workers.all).toHaveLength(4)
    expect(service.workers.mostLive).toBe(3)
    const counts = service.pools.countsOf(target.functionId)
    expect(counts.warm + counts.idle).toBe(2)
  })

  it("of age ends after the invocation that it has", async () => {
    service = new ScheduledService()
    const target = targetOf({ limits: { max_workers: 1, max_worker_age_seconds: 5, timeout_seconds: 60 } })
    const long = service.call(target, { id: "long" })
    await service.settled()
    await service.after(5_000)
    const next = service.call(target, { id: "next" })
    await service.settled()
    expect(next.settled).toBe(false)
    service.workers.last.respond("long")
    await service.settled()
    service.workers.last.respond("next")
    await service.settled()
    expect([long.story, next.story]).toEqual(["200", "200"])
    expect(service.workers.all).toHaveLength(2)
    expect(startCauses()).toEqual(["first", "recycle"])
  })
})
