import { Effect } from "effect"
import { afterEach, expect, it } from "vitest"
import type { Target } from "../domain/Invocation.ts"
import { ScheduledService, targetOf } from "../../tests/support/ScheduledService.ts"
import { startTimedOut } from "../../tests/support/ScriptedWorkers.ts"

let service: ScheduledService
afterEach(async () => {
  await service.dispose()
  expect(service.workers.hostFaults).toEqual([])
})

const deploy = async (target: Target, before: Target | null): Promise<void> => {
  await service.start(service.pools.prepare(target))
  if (before !== null) await service.start(service.pools.retire(before.versionId))
  await service.settled()
}

const respondAll = async (): Promise<void> => {
  for (const worker of service.workers.living) for (const id of worker.inFlight.keys()) worker.respond(id)
  await service.settled()
}

/** Everything that is kept once nothing happens any more. */
const kept = async () => {
  await service.after(100_000)
  return { ...service.pools.held(), workers: service.workers.live, timers: service.clock.armed }
}

it("however often is deployed, what is kept is that of the versions in force", async () => {
  service = new ScheduledService({ maxQueueLength: 1 })
  const limits = { max_workers: 1, warm_workers: 1 }
  const names = ["one", "two"]
  const current = new Map<string, Target>()
  const after: Array<Awaited<ReturnType<typeof kept>>> = []
  for (let round = 1; round <= 60; round += 1) {
    for (const name of names) {
      const before = current.get(name) ?? null
      const target = targetOf({ name, version: `v${round}`, limits })
      await deploy(target, before)
      current.set(name, target)
      const call = service.call(target)
      await respondAll()
      expect(call.story).toBe("200")
      if (before === null) continue

      // Late comers that still hold the version that was replaced: served, refused, gone before their turn.
      const stories = [
        service.call(before),
        service.call(before),
        service.call(before, { deadlineMs: 0 }),
        service.call(target)
      ]
      await service.settled()
      await respondAll()
      expect(stories.map((one) => one.story)).toEqual([
        "200",
        "LimitExceeded:queue_length",
        "ExecutionTimeout:queue",
        "200"
      ])
      const gone = service.call(before)
      gone.cancel()
      await service.settled()
      // The last of them is refused with nobody else there: nothing else would take its pool away.
      expect(service.call(before, { deadlineMs: 0 }).story).toBe("ExecutionTimeout:queue")

      // A deployment that fails, and one that is repeated.
      service.workers.onStart = () => startTimedOut()
      const failing = targetOf({ name, version: `bad${round}`, limits })
      expect((await service.start(Effect.exit(service.pools.prepare(failing))))._tag).toBe("Failure")
      service.workers.onStart = () => "ready"
      await service.start(service.pools.prepare(target))
    }
    if (round === 3 || round === 60) after.push(await kept())
  }
  expect(after[0]).toEqual({ pools: 2, versions: 2, functions: 2, workers: 2, timers: 0 })
  expect(after[1]).toEqual(after[0])
})

it("a version of which nothing was in force yet, and one that comes back, are opened as ever", async () => {
  service = new ScheduledService()
  const [first, second] = [targetOf(), targetOf({ version: "v2" })]
  const call = service.call(first)
  await service.settled()
  await respondAll()
  expect([call.story, service.pools.poolFor(first).state.phase]).toEqual(["200", "open"])
  await deploy(second, first)
  await deploy(first, second)
  expect(service.pools.poolFor(first).state.phase).toBe("open")
  expect(service.pools.poolFor(second).state.phase).toBe("retired")
})

it("a version that was never opened stays as it is when the first deployment fails", async () => {
  service = new ScheduledService()
  service.workers.onStart = () => startTimedOut()
  const failed = await service.start(Effect.exit(service.pools.prepare(targetOf({ version: "v2" }))))
  expect([failed._tag, service.pools.held()]).toEqual(["Failure", { pools: 0, versions: 0, functions: 0 }])
  expect(service.pools.poolFor(targetOf()).state.phase).toBe("open")
})
