import { Duration } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import type { ServerOptions } from "../config/ServerConfig.ts"
import type { Outcome } from "../domain/Invocation.ts"
import { type Call, ScheduledService, invocationOf, targetOf } from "../../tests/support/ScheduledService.ts"
import { goodManners, startTimedOut } from "../../tests/support/ScriptedWorkers.ts"

let service: ScheduledService
const open = (options: Partial<ServerOptions> = {}): ScheduledService =>
  (service = new ScheduledService(options))
afterEach(async () => {
  await service.dispose()
  expect(service.workers.hostFaults).toEqual([])
  expect(service.workers.live).toBe(0)
})

const outcomes = (): Array<string> => service.records.map(({ code, outcome }) => code ?? outcome)

describe("an invocation's one outcome (R-1)", () => {
  it("is its handler's answer, with one record", async () => {
    open()
    const call = service.call(targetOf(), { id: "a" })
    await service.settled()
    await service.after(7)
    service.workers.last.respond("a", { status: 201, headers: { x: "1" }, body: "aGk=" })
    expect(call.outcomes).toHaveLength(1)
    const [outcome] = call.outcomes as [Outcome]
    if (outcome._tag === "Failure") throw outcome.error
    const { body, ...result } = outcome.result
    expect(Buffer.from(body).toString()).toBe("hi")
    expect(result).toEqual({ status: 201, headers: { x: "1" }, coldStart: true, executionMs: 7, queueMs: 0 })
    expect(service.records).toHaveLength(1)
    expect(service.records[0]).toMatchObject({
      invocationId: "a",
      functionName: "fn",
      version: "v1",
      workerId: "w1-1",
      outcome: "ok",
      status: 201,
      code: null,
      coldStart: true,
      executionMs: 7,
      logLinesCut: 0
    })
  })

  it("is told to the caller also where the worker gives up what nobody cancelled", async () => {
    open()
    const call = service.call(targetOf(), { id: "a" })
    await service.settled()
    service.workers.last.error("a", "CANCELLED", "the worker is shutting down")
    expect(call.story).toBe("WorkerCrashed:protocol")
    expect(outcomes()).toEqual(["FN_004"])
  })

  it("does not depend on what the caller does with it", async () => {
    open()
    const target = targetOf({ limits: { max_workers: 1 } })
    service.scheduler.submit(target, invocationOf("a"), () => {
      throw new Error("the caller's own fault")
    })
    const next = service.call(target, { id: "b" })
    await service.settled()
    const worker = service.workers.last
    worker.respond("a")
    worker.respond("b")
    expect(next.story).toBe("200")
    expect(service.logs.some(({ message }) => message.includes("the caller's own fault"))).toBe(true)
  })

  it("is also had by those that wait or run when the server closes", async () => {
    open()
    const target = targetOf({ limits: { max_workers: 1 } })
    const calls = ["runs", "waits"].map((id) => service.call(target, { id }))
    await service.settled()
    expect(service.workers.last.inFlight.has("runs")).toBe(true)
    await service.dispose()
    expect(calls.map((call) => call.story)).toEqual(["ServiceStopping", "ServiceStopping"])
    expect(outcomes()).toEqual(["FN_008", "FN_008"])
  })

  it("is had at once by all that is open when the drain time is over, and only once", async () => {
    open()
    service.workers.manners = () => ({ ...goodManners, obeysCancel: false })
    const target = targetOf({ limits: { max_workers: 2, timeout_seconds: 1 } })
    const calls = ["late", "gone", "runs", "waits"].map((id) =>
      service.call(target, { id, ...(id === "late" ? { deadlineMs: 100 } : {}) })
    )
    const [late, gone, runs, waits] = calls as [Call, Call, Call, Call]
    await service.settled()
    await service.after(120)
    gone.cancel()
    await service.settled()
    service.scheduler.abandon()
    service.scheduler.abandon()
    const stories = [late, gone, runs, waits].map((call) => call.story)
    expect(stories).toEqual(["ExecutionTimeout:run", "waits", "ServiceStopping", "ServiceStopping"])
    expect(service.call(target).story).toBe("ServiceStopping")
    // Workers that answer after all, and deadlines that come, change nothing.
    for (const worker of service.workers.living) for (const id of worker.inFlight.keys()) worker.respond(id)
    await service.after(5_000)
    expect([late, gone, runs, waits].map((call) => call.story)).toEqual(stories)
    expect(service.records).toHaveLength(5)
  })

  it("is FN_008 for what comes after stop; what was admitted goes on", async () => {
    open()
    const before = service.call(targetOf(), { id: "a" })
    await service.settled()
    service.scheduler.stop()
    const after = service.call(targetOf())
    service.workers.last.respond("a")
    expect([before.story, after.story]).toEqual(["200", "ServiceStopping"])
  })

  it("is FN_004 for an answer that is too large", async () => {
    // Whatever the rest of a division by three: base64 tells the length in steps.
    for (const most of [10, 11, 12]) {
      open({ maxResponseBytes: most })
      const answered = (bytes: number): string => {
        const call = service.call(targetOf(), { id: "a" })
        service.workers.last.respond("a", { body: Buffer.alloc(bytes).toString("base64") })
        return call.story
      }
      service.call(targetOf(), { id: "first" })
      await service.settled()
      service.workers.last.respond("first")
      const sizes = [most - 1, most, most + 1, most + 2, most * 10]
      const tooLarge = "ResponseTooLarge"
      expect(sizes.map(answered)).toEqual(["200", "200", tooLarge, tooLarge, tooLarge])
      expect(service.workers.all).toHaveLength(1)
      await service.dispose()
    }
  })

  it("is FN_004, in the record too, for an answer with a header that HTTP cannot send", async () => {
    open()
    const target = targetOf({ limits: { max_workers: 1 } })
    const [bad, next] = [service.call(target, { id: "a" }), service.call(target, { id: "b" })]
    await service.settled()
    const first = service.workers.last
    first.respond("a", { headers: { "x-a": "1\r\nset-cookie: forged" } })
    expect(bad.story).toBe("WorkerCrashed:protocol")
    await service.settled()
    // A worker that breaks the protocol is never used again.
    expect([first.alive, service.workers.last === first]).toEqual([false, false])
    service.workers.last.respond("b")
    expect(next.story).toBe("200")
    expect(outcomes()).toEqual(["FN_004", "ok"])
    expect(service.records[0]?.detail).toContain('the header "x-a" has a value with a line break')
  })

  it("is FN_003 after OUT_OF_MEMORY, and that worker is replaced", async () => {
    open()
    const target = targetOf()
    const call = service.call(target, { id: "a" })
    await service.settled()
    const first = service.workers.last
    first.error("a", "OUT_OF_MEMORY")
    expect(call.story).toBe("MemoryLimitExceeded")
    await service.settled()
    expect(first.alive).toBe(false)
    service.call(target, { id: "b" })
    await service.settled()
    expect(service.workers.last).not.toBe(first)
  })
})

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

describe("a caller that goes away (R-10)", () => {
  it("in the queue: it leaves at once, with a record", async () => {
    open()
    service.workers.onStart = () => "hangs"
    const target = targetOf()
    const [first, second, third] = ["a", "b", "c"].map((id) => service.call(target, { id }))
    second?.cancel()
    second?.cancel()
    expect(service.scheduler.queued(target.functionId)).toBe(2)
    await service.settled()
    for (const worker of service.workers.starting) worker.becomeReady()
    await service.settled()
    for (const worker of service.workers.living) for (const id of worker.inFlight.keys()) worker.respond(id)
    expect([first?.story, second?.story, third?.story]).toEqual(["200", "waits", "200"])
    expect(service.records.map(({ invocationId, outcome }) => [invocationId, outcome])).toEqual([
      ["b", "cancelled"],
      ["a", "ok"],
      ["c", "ok"]
    ])
  })

  it("at work: the worker is told, and keeps its place until it answers", async () => {
    open()
    service.workers.manners = () => ({ ...goodManners, obeysCancel: false })
    const target = targetOf({ limits: { max_workers: 1 } })
    const gone = service.call(target, { id: "a" })
    const next = service.call(target, { id: "b" })
    await service.settled()
    gone.cancel()
    const worker = service.workers.last
    expect(worker.heard.at(-1)).toEqual({ id: "a", type: "cancel", payload: { reason: "client_gone" } })
    expect(worker.inFlight.has("b")).toBe(false)
    worker.respond("a")
    expect([...worker.inFlight.keys()]).toEqual(["b"])
    worker.respond("b")
    expect([gone.story, next.story]).toEqual(["waits", "200"])
    expect(outcomes()).toEqual(["cancelled", "ok"])
  })

  it("after its outcome: nothing happens", async () => {
    open()
    const call = service.call(targetOf(), { id: "a" })
    await service.settled()
    service.workers.last.respond("a")
    call.cancel()
    expect(outcomes()).toEqual(["ok"])
    expect(service.workers.last.heard).toHaveLength(1)
  })
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
