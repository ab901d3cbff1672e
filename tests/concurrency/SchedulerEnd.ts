import { storyOf } from "../support/ScheduledService.ts"
import type { SchedulerWorld } from "./SchedulerModel.ts"

/** How a history ends: by itself, by a server that closes at once, or by one whose drain time is over. */
export type End = "rests" | "closes" | "drains"

/**
 * The server closes in the middle of it all. Whoever has no outcome by then gets FN_008, once, with one record; whoever
 * comes back for that reason too; nothing that workers or clocks do afterwards changes anything, and no process is left.
 */
export const closeAmidst = async (world: SchedulerWorld, end: "closes" | "drains"): Promise<void> => {
  const { calls, service } = world
  if (end === "drains") {
    service.scheduler.stop()
    const late = calls.length
    world.submit(0, null, false, false)
    if (stories(world)[late] !== "ServiceStopping") throw new Error("something was taken on after stop")
    // What was admitted goes on.
    world.answer(0, false, "responds")
    await service.settled()
    world.check()
  }
  const before = stories(world)
  const recorded = service.records.length
  if (end === "drains") {
    service.scheduler.abandon()
    checkGivenUp(world, before, recorded)
    const after = stories(world)
    for (let i = 0; i < 8; i += 1) world.answer(i, i % 2 === 0, "responds")
    await service.after(100_000)
    if (stories(world).join() !== after.join())
      throw new Error("an outcome changed after the end of the drain")
  }
  await service.dispose()
  checkGivenUp(world, before, recorded)
  if (service.workers.live > 0) throw new Error("a worker outlives its server")
}

const stories = ({ calls }: SchedulerWorld): ReadonlyArray<string> =>
  calls.map(({ cancelled, outcome }) =>
    outcome !== null ? storyOf(outcome) : cancelled ? "cancelled" : "open"
  )

/** `before` and `recorded` are what had happened when everything open was given up. */
const checkGivenUp = (world: SchedulerWorld, before: ReadonlyArray<string>, recorded: number): void => {
  const { records } = world.service
  const expected = world.calls.map((_, i) => {
    const story = before[i] ?? "open"
    return story === "open" ? "ServiceStopping" : story
  })
  const found = stories(world)
  if (found.join() !== expected.join())
    throw new Error(`everyone open is given up: ${found.join()}, not ${expected.join()}`)
  const codes = records.slice(recorded).map(({ code }) => code)
  const due = expected.length - before.filter((story) => story !== "open").length
  if (codes.length !== due || codes.some((code) => code !== "FN_008")) {
    throw new Error(`one record of FN_008 for each of ${due} given up: ${codes.join()}`)
  }
  const ids = (all: ReadonlyArray<string>): string => [...all].sort().join()
  if (ids(records.map(({ invocationId }) => invocationId)) !== ids(world.calls.map(({ id }) => id))) {
    throw new Error("exactly one record per invocation")
  }
  // The books' own findings, from within the callbacks too.
  world.check()
}
