import { Effect, Exit } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import { DeploymentFailed } from "../domain/Errors.ts"
import { ScheduledService, targetOf } from "../../tests/support/ScheduledService.ts"
import { startTimedOut } from "../../tests/support/ScriptedWorkers.ts"
import { QUARANTINE_CRASHES, QUARANTINE_FAILED_STARTS } from "./Backoff.ts"

let service: ScheduledService
afterEach(async () => {
  await service.dispose()
  expect(service.workers.hostFaults).toEqual([])
  expect(service.workers.live).toBe(0)
})

const target = targetOf({ name: "looping" })
const quarantine = () => service.pools.quarantineOf(target.functionId)
const told = () =>
  service.logs.filter(({ message }) => message.includes("quarantine")).map(({ message }) => message)

/** Calls that each kill their worker. */
const crash = async (times: number): Promise<void> => {
  for (let i = 0; i < times; i += 1) {
    service.call(target, { id: `crash-${i}` })
    await service.settled()
    await service.after(250)
    service.workers.last.crash("was ended by SIGSEGV")
    await service.settled()
  }
}

const opened = async (): Promise<void> => {
  service = new ScheduledService()
  await service.start(service.pools.open(target))
}

describe("a function whose workers crash with every call", () => {
  it("is quarantined, and says so in its error, its log and its view", async () => {
    await opened()
    await crash(QUARANTINE_CRASHES)
    expect(quarantine()).toMatchObject({ cause: "crashes", failures: QUARANTINE_CRASHES })
    const before = service.workers.all.length
    const call = service.call(target)
    expect(call.story).toBe("ColdStartTimeout")
    expect(service.records.at(-1)).toMatchObject({
      code: "FN_008",
      ending: { cause: "quarantine" },
      detail:
        "no worker became ready: its workers crashed 20 times in a row (the last one: was ended by SIGSEGV), so the function " +
        "is quarantined and one is tried again in 10 s; deploy a version that works, or end this with: bunbase fn reset looping"
    })
    expect(told()).toHaveLength(2) // of the pool, and of the call
    expect(service.workers.all).toHaveLength(before)
  })

  it("gives those that wait their answer when it begins", async () => {
    await opened()
    await crash(QUARANTINE_CRASHES - 1)
    service.call(target, { id: "last" })
    const waiting = service.call({ ...target, limits: { ...target.limits, max_workers: 1 } })
    await service.settled()
    await service.after(250)
    for (const worker of service.workers.living) worker.crash()
    await service.settled()
    expect(waiting.settled).toBe(true)
  })

  it("is tried with one worker after its time, and is out of quarantine with one call that goes well", async () => {
    await opened()
    await crash(QUARANTINE_CRASHES)
    const before = service.workers.all.length
    await service.after(10_000)
    const calls = ["x", "y", "z"].map((id) => service.call(target, { id }))
    await service.settled()
    expect(service.workers.all).toHaveLength(before + 1)
    service.workers.onInvoked = (worker, { id }) => worker.respond(id)
    for (const id of service.workers.last.inFlight.keys()) service.workers.last.respond(id)
    await service.settled()
    expect(calls.map(({ story }) => story)).toEqual(["200", "200", "200"])
    expect(quarantine()).toBe(null)
    expect(told().at(-1)).toBe("out of quarantine")
  })

  it("is quarantined for longer when that one crashes too", async () => {
    await opened()
    await crash(QUARANTINE_CRASHES)
    await service.after(10_000)
    await crash(1)
    expect(quarantine()).toMatchObject({ failures: QUARANTINE_CRASHES + 1, lastedMs: 10_250, waitMs: 20_000 })
  })

  it("is tried at once after a reset, with what failed before forgotten", async () => {
    await opened()
    await crash(QUARANTINE_CRASHES)
    expect(await service.start(service.pools.reset(target.functionId))).toBe(true)
    expect(quarantine()).toBe(null)
    const call = service.call(target, { id: "again" })
    await service.settled()
    service.workers.last.respond("again")
    await service.settled()
    expect(call.story).toBe("200")
    expect(await service.start(service.pools.reset(target.functionId))).toBe(false)
  })
})

describe("a function whose workers do not start", () => {
  const failStarts = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i += 1) {
      service.call(target)
      await service.settled()
      if (i < times - 1) await service.after(6_400)
    }
  }

  it("is quarantined with the reason of the last start, until a deployment of it succeeds", async () => {
    await opened()
    service.workers.onStart = () => startTimedOut()
    await failStarts(QUARANTINE_FAILED_STARTS)
    expect(quarantine()).toMatchObject({ cause: "starts_fail", failures: QUARANTINE_FAILED_STARTS })
    const call = service.call(target)
    expect(call.story).toBe("ColdStartTimeout")
    service.workers.onStart = () => "ready"
    expect(await service.start(Effect.exit(service.pools.prepare(target)))).toEqual(Exit.void)
    expect(quarantine()).toBe(null)
  })

  it("for a fault of its code is told that fault (FN_005)", async () => {
    await opened()
    service.workers.onStart = () => new DeploymentFailed({ stage: "bundle", reason: "it throws" })
    await failStarts(QUARANTINE_FAILED_STARTS)
    expect(quarantine()?.cause).toBe("starts_fail")
    expect(service.call(target).story).toBe("DeploymentFailed")
    expect(service.records.at(-1)?.ending).toEqual({ cause: "start" })
  })
})
