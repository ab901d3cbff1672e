import { afterEach, describe, expect, it } from "vitest"
import { ScheduledService, targetOf } from "../../tests/support/ScheduledService.ts"

let service: ScheduledService
afterEach(async () => {
  await service.dispose()
  expect(service.workers.hostFaults).toEqual([])
})
const target = targetOf({ limits: { timeout_seconds: 1 } })

/** An invocation that its worker gives up by itself so long after it got it. */
const givenUpAfter = async (ms: number) => {
  service = new ScheduledService()
  const call = service.call(target, { id: "a" })
  await service.settled()
  await service.after(ms)
  service.workers.last.error("a", "CANCELLED", "the deadline passed")
  await service.settled()
  return call
}

describe("a worker that watches the deadline itself", () => {
  it("and is heard first: the caller hears of the deadline, once, and the worker is not used again (R-3)", async () => {
    service = new ScheduledService()
    // Its timer was set before the host's own: at the same instant it comes first.
    service.clock.service.after(1_000, () =>
      service.workers.last.error("a", "CANCELLED", "the deadline passed")
    )
    const call = service.call(target, { id: "a" })
    await service.settled()
    await service.after(5_000)
    expect(call.story).toBe("ExecutionTimeout:run")
    expect(service.records.map(({ code }) => code)).toEqual(["FN_002"])
    expect(service.workers.all[0]?.alive).toBe(false)
    const next = service.call(target, { id: "b" })
    await service.settled()
    expect(service.workers.all).toHaveLength(2)
    service.workers.last.respond("b")
    expect(next.story).toBe("200")
  })

  it("gives up an invocation before its time: that is a fault of the worker", async () => {
    const call = await givenUpAfter(500)
    expect(call.story).toBe("WorkerCrashed:protocol")
    await service.settled()
    expect(service.workers.all[0]?.alive).toBe(false)
  })

  it("keeps its worker where the caller gave up", async () => {
    service = new ScheduledService()
    const call = service.call(target, { id: "a" })
    await service.settled()
    call.cancel()
    await service.settled()
    expect(service.workers.all[0]?.alive).toBe(true)
    service.call(target, { id: "b" })
    await service.settled()
    expect(service.workers.all).toHaveLength(1)
    service.workers.last.respond("b")
  })
})
