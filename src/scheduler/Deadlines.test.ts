import { Duration } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import type { ServerOptions } from "../config/ServerConfig.ts"
import { ScheduledService, targetOf } from "../../tests/support/ScheduledService.ts"
import { goodManners } from "../../tests/support/ScriptedWorkers.ts"

let service: ScheduledService
const open = (options: Partial<ServerOptions> = {}): ScheduledService =>
  (service = new ScheduledService(options))
afterEach(async () => {
  await service.dispose()
  expect(service.workers.hostFaults).toEqual([])
  expect(service.workers.live).toBe(0)
})

const outcomes = (): Array<string> => service.records.map(({ code, outcome }) => code ?? outcome)

describe("a deadline (R-3)", () => {
  it("passes: FN_002 at its instant, the caller is told once, the worker gets nothing more", async () => {
    open({ cancelGrace: Duration.millis(250) })
    service.workers.manners = () => ({ ...goodManners, obeysCancel: false, answersPing: false })
    const target = targetOf({ limits: { timeout_seconds: 1, concurrency: 2 } })
    const call = service.call(target, { id: "a" })
    await service.settled()
    const worker = service.workers.last
    await service.after(999)
    expect(call.story).toBe("waits")
    await service.after(11)
    expect(call.story).toBe("ExecutionTimeout:run")
    expect(worker.heard.filter(({ type }) => type === "cancel")).toEqual([
      { id: "a", type: "cancel", payload: { reason: "deadline" } }
    ])
    const other = service.call(target, { id: "b" })
    await service.settled()
    expect(worker.inFlight.has("b")).toBe(false)
    expect(worker.kills).toBe(0)
    await service.after(250)
    expect(worker.kills).toBe(1)
    service.workers.last.respond("b")
    expect(other.story).toBe("200")
    expect(call.outcomes).toHaveLength(1)
    expect(outcomes()).toEqual(["FN_002", "ok"])
  })

  it("passes for one of several: the others may finish while the worker's event loop lives", async () => {
    open()
    service.workers.manners = () => ({ ...goodManners, obeysCancel: false })
    const target = targetOf({ limits: { timeout_seconds: 10, concurrency: 2 } })
    const late = service.call(target, { id: "late", deadlineMs: 100 })
    await service.settled()
    const other = service.call(target, { id: "other" })
    await service.settled()
    const worker = service.workers.last
    expect([...worker.inFlight.keys()]).toEqual(["late", "other"])
    await service.after(2_000)
    expect(late.story).toBe("ExecutionTimeout:run")
    expect([worker.kills, worker.alive]).toEqual([0, true])
    worker.respond("other")
    await service.settled()
    expect(other.story).toBe("200")
    expect([worker.kills, worker.alive]).toEqual([1, false])
  })

  it("passes and the worker obeys: it ends without a kill, and gets nothing more", async () => {
    open()
    const target = targetOf({ limits: { timeout_seconds: 0.1 } })
    service.call(target, { id: "a" })
    await service.settled()
    const worker = service.workers.last
    await service.after(2_000)
    expect([worker.kills, worker.alive]).toEqual([0, false])
    expect(worker.heard.at(-1)?.type).toBe("shutdown")
  })

  it("of a worker of version 1.0: no cancel, killed after the grace", async () => {
    open()
    service.workers.manners = () => ({ ...goodManners, features: null })
    const target = targetOf({ limits: { timeout_seconds: 0.1, concurrency: 5 } })
    service.call(target, { id: "a" })
    service.call(target, { id: "b" })
    await service.settled()
    expect(service.workers.living.map((worker) => worker.inFlight.size)).toEqual([1, 1])
    await service.after(400)
    expect(service.workers.all.map((worker) => worker.kills)).toEqual([1, 1])
    expect(service.workers.all.flatMap((worker) => worker.heard.map(({ type }) => type))).toEqual([
      "invoke",
      "invoke"
    ])
  })

  it("that passed in the queue costs no worker: it is FN_002 without having been started", async () => {
    open()
    const target = targetOf({ limits: { timeout_seconds: 1, max_workers: 1 } })
    service.call(target, { id: "a", deadlineMs: 1_000 })
    const waiting = service.call(target, { id: "b", deadlineMs: 500.5 })
    await service.settled()
    const worker = service.workers.last
    // Between the deadline and the clock's next look at it.
    await service.after(501)
    worker.respond("a")
    await service.settled()
    await service.after(5_000)
    expect(waiting.story).toBe("ExecutionTimeout:queue")
    expect([worker.kills, worker.alive, worker.heard.length]).toEqual([0, true, 1])
  })

  it("that has passed before it came is FN_002 at once", async () => {
    open()
    const target = targetOf()
    service.call(target, { id: "a" })
    await service.settled()
    service.workers.last.respond("a")
    const call = service.call(target, { deadlineMs: 0 })
    expect(call.story).toBe("ExecutionTimeout:queue")
    expect(service.workers.last.inFlight.size).toBe(0)
  })

  it("after a cancel is still the worker's: who ignores both is killed", async () => {
    open()
    service.workers.manners = () => ({ ...goodManners, obeysCancel: false, answersPing: false })
    const call = service.call(targetOf({ limits: { timeout_seconds: 1 } }), { id: "a" })
    await service.settled()
    call.cancel()
    await service.after(1_500)
    expect(call.story).toBe("waits")
    expect(service.workers.last.kills).toBe(1)
    expect(outcomes()).toEqual(["cancelled"])
  })
})
