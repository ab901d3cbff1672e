import { afterEach, describe, expect, it } from "vitest"
import type { ServerOptions } from "../config/ServerConfig.ts"
import type { Outcome } from "../domain/Invocation.ts"
import { type Call, ScheduledService, invocationOf, targetOf } from "../../tests/support/ScheduledService.ts"
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

describe("an invocation's one outcome (R-1)", () => {
  it("is counted: answers, failures by what ended them, cold starts by their reason", async () => {
    service = new ScheduledService()
    const target = targetOf({ limits: { max_workers: 1, timeout_seconds: 1 } })
    const { counts } = service.scheduler
    expect(counts(target.functionId)).toEqual({ ok: 0, failed: {}, cold_starts: {} })
    for (const end of ["respond", "error", "crash", "late", "leave"] as const) {
      const call = service.call(target, { id: end })
      await service.settled()
      const worker = service.workers.last
      if (end === "respond") worker.respond(end)
      else if (end === "error") worker.error(end, "HANDLER_ERROR")
      else if (end === "crash") worker.crash()
      else if (end === "late") await service.after(2_000)
      else call.cancel()
      await service.settled()
    }
    expect(counts(target.functionId)).toEqual({
      ok: 1,
      failed: { handler: 1, exit: 1, wall_time: 1, caller_gone: 1 },
      cold_starts: { first: 1, after_crash: 1, after_timeout: 1 }
    })
    expect(service.records.map(({ ending }) => ending?.cause ?? "ok")).toEqual([
      "ok",
      "handler",
      "exit",
      "wall_time",
      "caller_gone"
    ])
  })

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
      coldStart: { cause: "first", waitMs: 0, spare: false, spawnMs: 2, loadMs: 3 },
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
