import { afterEach, describe, expect, it } from "vitest"
import type { ServerOptions } from "../config/ServerConfig.ts"
import type { LogEntry } from "../logs/LogPipeline.ts"
import { ScheduledService, targetOf } from "../../tests/support/ScheduledService.ts"
import { FAILURE_LINES, FAILURE_LINES_IN_ALL, FAILURE_WINDOW_MS } from "./FailureLog.ts"

let service: ScheduledService
const open = (options: Partial<ServerOptions> = {}): ScheduledService =>
  (service = new ScheduledService(options))
afterEach(async () => {
  await service.dispose()
})

/** Lines about failed invocations; those about workers begin otherwise. */
const lines = (): ReadonlyArray<LogEntry> =>
  service.logs.filter(({ message }) => /^FN_\d|more calls/.test(message))
const told = () => lines().map(({ invocationId, level, message }) => [invocationId, level, message])
const leftOut = (): number =>
  lines().reduce((sum, { message }) => sum + Number(/(\d+) more calls/.exec(message)?.[1] ?? 0), 0)

describe("an invocation that failed has a line on the log", () => {
  it("when it missed its deadline: function, version, id, worker, code and what happened", async () => {
    open()
    service.call(targetOf({ name: "slow", version: "v7", limits: { timeout_seconds: 1 } }), { id: "a" })
    await service.settled()
    await service.after(1_100)
    expect(lines()).toEqual([
      {
        at: expect.any(Number) as number,
        level: "error",
        functionId: targetOf({ name: "slow" }).functionId,
        functionName: "slow",
        version: "v7",
        invocationId: "a",
        workerId: "w1-1",
        message: "FN_002: the function did not answer within its 1000 ms and was stopped"
      }
    ])
  })

  it("when its worker died with it: one for each that was in it", async () => {
    open()
    const target = targetOf({ limits: { concurrency: 2, max_workers: 1 } })
    for (const id of ["a", "b", "waits"]) service.call(target, { id })
    await service.settled()
    service.workers.last.crash()
    const reason = "FN_004: the function's worker failed while it ran the invocation: it exited with code 3"
    expect(told()).toEqual([
      ["a", "error", reason],
      ["b", "error", reason]
    ])
  })

  it("when it was refused or never begun: a warning", async () => {
    open({ maxQueueLength: 1 })
    service.workers.onStart = () => "hangs"
    for (const id of ["waits", "refused"]) service.call(targetOf({ limits: { max_workers: 1 } }), { id })
    expect(told().map(([id, level, message]) => [id, level, String(message).slice(0, 7)])).toEqual([
      ["refused", "warn", "FN_007:"]
    ])
    await service.dispose()
    expect(told().map(([id, level, message]) => [id, level, String(message).slice(0, 7)])).toEqual([
      ["refused", "warn", "FN_007:"],
      ["waits", "warn", "FN_008:"]
    ])
  })

  it("and only one: what the handler threw is there already; nothing for answers and callers that left", async () => {
    open()
    const target = targetOf()
    const calls = ["well", "throws", "gone"].map((id) => service.call(target, { id }))
    await service.settled()
    calls[2]?.cancel()
    for (const worker of service.workers.living) {
      for (const id of worker.inFlight.keys()) {
        if (id === "well") worker.respond(id)
        else if (id === "throws") worker.error(id, "HANDLER_ERROR", "boom")
      }
    }
    expect(service.logs.map(({ invocationId, message }) => [invocationId, message])).toEqual([
      ["throws", "boom"]
    ])
    expect(service.records.map(({ outcome }) => outcome).sort()).toEqual(["cancelled", "error", "ok"])
  })
})

describe("a flood of failures", () => {
  it("of one function and code is cut to a few lines and a count; others are told as ever", async () => {
    open()
    const target = targetOf({ limits: { timeout_seconds: 1 } })
    for (let i = 0; i < 50; i += 1) service.call(target, { deadlineMs: 0 })
    expect(lines()).toHaveLength(FAILURE_LINES)
    service.call(targetOf({ name: "other" }), { deadlineMs: 0 })
    expect(lines().at(-1)?.functionName).toBe("other")
    await service.after(FAILURE_WINDOW_MS)
    expect(lines().slice(FAILURE_LINES + 1)).toEqual([
      {
        at: expect.any(Number) as number,
        level: "warn",
        functionId: target.functionId,
        functionName: "fn",
        version: "v1",
        message: `FN_002: ${50 - FAILURE_LINES} more calls failed with this code within 10 s; data/logs has a record of each`
      }
    ])
    service.call(target, { deadlineMs: 0 })
    expect(lines()).toHaveLength(FAILURE_LINES + 3)
    expect(service.records).toHaveLength(52)
    await service.after(FAILURE_WINDOW_MS)
    expect(service.clock.armed).toBe(0)
  })

  it("of many functions is bounded too", async () => {
    open()
    const calls = 60 * FAILURE_LINES
    for (let i = 0; i < calls; i += 1) service.call(targetOf({ name: `fn${i % 60}` }), { deadlineMs: 0 })
    expect(lines()).toHaveLength(FAILURE_LINES_IN_ALL)
    await service.after(FAILURE_WINDOW_MS)
    expect(lines()).toHaveLength(FAILURE_LINES_IN_ALL + 1)
    expect(leftOut()).toBe(calls - FAILURE_LINES_IN_ALL)
  })

  it("is told to its end when the server closes in the middle of it", async () => {
    open()
    service.workers.onStart = () => "hangs"
    for (let i = 0; i < 40; i += 1) service.call(targetOf())
    await service.dispose()
    expect(service.records.map(({ code }) => code)).toEqual(Array.from({ length: 40 }, () => "FN_008"))
    expect(lines()).toHaveLength(FAILURE_LINES + 1)
    expect(leftOut()).toBe(40 - FAILURE_LINES)
  })
})
