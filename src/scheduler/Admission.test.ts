import { Duration } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import type { ServerOptions } from "../config/ServerConfig.ts"
import { ScheduledService, invocationOf, targetOf } from "../../tests/support/ScheduledService.ts"
import { startTimedOut } from "../../tests/support/ScriptedWorkers.ts"

let service: ScheduledService
const open = (options: Partial<ServerOptions> = {}): ScheduledService =>
  (service = new ScheduledService(options))
afterEach(async () => {
  await service.dispose()
  expect(service.workers.hostFaults).toEqual([])
  expect(service.workers.live).toBe(0)
})

describe("admission (R-6)", () => {
  it("refuses at once past the queue's length", () => {
    open({ maxQueueLength: 2 })
    service.workers.onStart = () => "hangs"
    const calls = [1, 2, 3].map(() => service.call(targetOf({ limits: { max_workers: 1 } })))
    expect(calls.map((call) => call.story)).toEqual(["waits", "waits", "LimitExceeded:queue_length"])
    expect(service.call(targetOf({ name: "other" })).story).toBe("waits")
  })

  it("refuses what waited too long, with FN_007", async () => {
    open({ maxQueueWait: Duration.seconds(2) })
    service.workers.onStart = () => "hangs"
    const call = service.call(targetOf())
    await service.after(1_999)
    expect(call.story).toBe("waits")
    await service.after(12)
    expect(call.story).toBe("LimitExceeded:queue_time")
    expect(service.scheduler.queued(targetOf().functionId)).toBe(0)
  })

  it("counts what runs over all versions and workers against max_concurrent_executions", async () => {
    open()
    const limits = { max_concurrent_executions: 3, concurrency: 2 }
    const [v1, v2] = [targetOf({ limits }), targetOf({ version: "v2", limits })]
    for (const id of ["a", "b"]) service.call(v1, { id })
    for (const id of ["c", "d"]) service.call(v2, { id })
    await service.settled()
    const running = () => service.workers.living.flatMap((worker) => [...worker.inFlight.keys()])
    expect(running()).toHaveLength(3)
    const [first] = service.workers.living
    const [id] = first?.inFlight.keys() ?? []
    first?.respond(id as string)
    await service.settled()
    expect(running()).toHaveLength(3)
  })

  it("tells a start that fails to all who wait, once, and who comes during a long back-off at once", async () => {
    open()
    service.workers.onStart = () => startTimedOut()
    const target = targetOf({ limits: { max_workers: 1 } })
    const calls = ["a", "b"].map((id) => service.call(target, { id }))
    await service.settled()
    expect(calls.map((call) => call.story)).toEqual(["ColdStartTimeout", "ColdStartTimeout"])
    // The back-off doubles from 100 ms; from the fifth failure on it is longer than anyone is made to wait.
    for (let failures = 2; failures <= 5; failures += 1) {
      const call = service.call(target)
      expect(call.story).toBe("waits")
      while (!call.settled) await service.after(50)
    }
    expect(service.call(target).story).toBe("ColdStartTimeout")
    expect(service.scheduler.queued(target.functionId)).toBe(0)
  })

  it("ends, even where every refused caller comes back at once", async () => {
    open()
    service.workers.onStart = () => "hangs"
    const target = targetOf()
    let tries = 0
    const again = (): void => {
      tries += 1
      if (tries < 1_000) service.scheduler.submit(target, invocationOf(`t${tries}`), again)
    }
    service.call(target)
    service.scheduler.submit(target, invocationOf("t"), again)
    service.scheduler.submit(target, invocationOf("u"), again)
    await service.settled()
    for (const worker of service.workers.starting) worker.failStart(startTimedOut())
    await service.settled()
    expect(tries).toBe(2)
    expect(service.scheduler.queued(target.functionId)).toBe(2)
  })
})
