import { afterEach, describe, expect, it } from "vitest"
import { ScheduledService, targetOf } from "../../tests/support/ScheduledService.ts"
import { stateOf } from "../deploy/FunctionInForce.ts"

let service: ScheduledService
afterEach(async () => {
  await service.dispose()
  expect(service.workers.live).toBe(0)
})

/** Four workers that have had one call each, and what is said of them as time goes on. */
const afterFourCalls = async (warmWorkers: number) => {
  service = new ScheduledService()
  const target = targetOf({ limits: { warm_workers: warmWorkers, idle_timeout_seconds: 2 } })
  for (const id of ["a", "b", "c", "d"]) service.call(target, { id })
  const held = (): number => service.workers.all.flatMap(({ inFlight }) => [...inFlight.keys()]).length
  while (held() < 4) await service.settled()
  for (const worker of service.workers.all) for (const id of worker.inFlight.keys()) worker.respond(id)
  return async (afterMs: number) => {
    await service.after(afterMs)
    const { idle, warm } = service.pools.countsOf(target.functionId)
    return [warm, idle, stateOf("deployed", service.pools.countsOf(target.functionId))]
  }
}

describe("workers without work", () => {
  it("are idle in the second half of their idle time-out, and the function with them", async () => {
    const said = await afterFourCalls(0)
    expect(await said(999)).toEqual([4, 0, "WARM"])
    expect(await said(1)).toEqual([0, 4, "IDLE"])
    expect(await said(999)).toEqual([0, 4, "IDLE"])
    expect(await said(1)).toEqual([0, 0, "DEPLOYED"])
  })

  it("of those that are kept, stay warm, and the function with them", async () => {
    const said = await afterFourCalls(1)
    expect(await said(999)).toEqual([4, 0, "WARM"])
    expect(await said(1)).toEqual([1, 3, "WARM"])
    expect(await said(999)).toEqual([1, 3, "WARM"])
    expect(await said(1)).toEqual([1, 0, "WARM"])
    expect(await said(100_000)).toEqual([1, 0, "WARM"])
  })
})
