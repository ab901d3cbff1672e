import { Duration } from "effect"
import { afterEach, describe, expect, it } from "vitest"
import { ScheduledService, targetOf } from "../../tests/support/ScheduledService.ts"
import { goodManners, type Manners, type ScriptedWorker } from "../../tests/support/ScriptedWorkers.ts"

const GRACE_MS = 250

let service: ScheduledService
/** Workers that go on with what was cancelled, unless the manners say otherwise. */
const open = (manners: Partial<Manners> = {}): void => {
  service = new ScheduledService({ cancelGrace: Duration.millis(GRACE_MS) })
  service.workers.manners = () => ({ ...goodManners, obeysCancel: false, ...manners })
}
afterEach(async () => {
  await service.dispose()
  expect(service.workers.hostFaults).toEqual([])
  expect(service.workers.live).toBe(0)
})

/** The latest worker, as soon as it has these invocations. */
const has = async (...ids: ReadonlyArray<string>): Promise<ScriptedWorker> => {
  const held = (): string => [...(service.workers.all.at(-1)?.inFlight.keys() ?? [])].join()
  while (held() !== ids.join()) await service.settled()
  return service.workers.last
}

describe("a worker whose caller went away, and that goes on (R-10)", () => {
  it("keeps its place for the grace, is then killed, and the next call gets another", async () => {
    open()
    const target = targetOf({ limits: { max_workers: 1 } })
    const gone = service.call(target, { id: "a" })
    const next = service.call(target, { id: "b" })
    const first = await has("a")
    gone.cancel()
    await service.after(GRACE_MS - 1)
    expect([first.kills, next.story]).toEqual([0, "waits"])
    await service.after(2)
    expect([first.kills, first.alive]).toEqual([1, false])
    ;(await has("b")).respond("b")
    expect([gone.story, next.story]).toEqual(["waits", "200"])
    expect(service.records.map(({ code, outcome }) => code ?? outcome)).toEqual(["cancelled", "ok"])
  })

  it("is no crash: nothing backs off, and no line says so", async () => {
    open()
    const target = targetOf({ limits: { max_workers: 1 } })
    for (let i = 0; i < 12; i += 1) {
      const call = service.call(target, { id: `call-${i}` })
      await has(`call-${i}`)
      call.cancel()
      await service.after(GRACE_MS + 1)
    }
    expect(service.workers.all.map(({ kills }) => kills)).toEqual(Array.from({ length: 12 }, () => 1))
    expect(service.logs).toEqual([])
  })

  it("is killed too when it is of version 1.0, and cannot be told", async () => {
    open({ features: null })
    const call = service.call(targetOf(), { id: "a" })
    await has("a")
    call.cancel()
    await service.after(GRACE_MS + 1)
    expect(service.workers.last.kills).toBe(1)
    expect(service.workers.last.heard.map(({ type }) => type)).toEqual(["invoke"])
  })

  it("gets no second grace from a deadline that passes within the first", async () => {
    open({ answersPing: false })
    const call = service.call(targetOf({ limits: { timeout_seconds: GRACE_MS / 2 / 1000 } }), { id: "a" })
    const worker = await has("a")
    call.cancel()
    await service.after(GRACE_MS + 1)
    expect(worker.kills).toBe(1)
  })

  it("is spared when it answers within the grace", async () => {
    open()
    const call = service.call(targetOf(), { id: "a" })
    const worker = await has("a")
    call.cancel()
    await service.after(GRACE_MS - 1)
    worker.respond("a")
    service.call(targetOf(), { id: "b" })
    await service.after(GRACE_MS * 4)
    expect([worker.kills, [...worker.inFlight.keys()]]).toEqual([0, ["b"]])
  })

  it("may finish the others, and is killed when only what nobody waits for is left", async () => {
    open()
    const target = targetOf({ limits: { concurrency: 3, max_workers: 1 } })
    const [gone, too, other] = ["a", "b", "c"].map((id) => service.call(target, { id }))
    const worker = await has("a", "b", "c")
    gone?.cancel()
    await service.after(GRACE_MS + 1)
    too?.cancel()
    await service.after(GRACE_MS + 1)
    expect([worker.kills, other?.story]).toEqual([0, "waits"])
    worker.respond("c")
    await service.settled()
    expect([worker.kills, worker.alive, other?.story]).toEqual([1, false, "200"])
  })

  it("gets new calls as long as its event loop lives", async () => {
    open()
    const target = targetOf({ limits: { concurrency: 2, max_workers: 1 } })
    const [gone, , next] = ["a", "b", "c"].map((id) => service.call(target, { id }))
    const worker = await has("a", "b")
    gone?.cancel()
    // It is heard before the grace is over.
    await service.settled()
    await service.after(GRACE_MS + 1)
    worker.respond("b")
    expect(await has("a", "c")).toBe(worker)
    worker.respond("c")
    await service.settled()
    expect([worker.kills, next?.story]).toEqual([1, "200"])
  })

  it("gets no new calls when its event loop stands", async () => {
    open({ answersPing: false })
    const target = targetOf({ limits: { concurrency: 3, max_workers: 2 } })
    const [gone, other] = ["a", "b"].map((id) => service.call(target, { id }))
    const worker = await has("a", "b")
    gone?.cancel()
    await service.after(GRACE_MS + 1)
    const next = service.call(target, { id: "c" })
    expect(await has("c")).not.toBe(worker)
    expect([...worker.inFlight.keys()]).toEqual(["a", "b"])
    worker.respond("b")
    service.workers.last.respond("c")
    await service.settled()
    expect([worker.kills, other?.story, next.story]).toEqual([1, "200", "200"])
  })

  it("ends at the deadline of what was cancelled, whatever else it has, when it does not answer", async () => {
    open({ answersPing: false })
    const target = targetOf({ limits: { concurrency: 2, max_workers: 1 } })
    const gone = service.call(target, { id: "a", deadlineMs: 1_000 })
    const other = service.call(target, { id: "b" })
    const worker = await has("a", "b")
    gone.cancel()
    await service.after(1_000)
    expect([worker.kills, other.story]).toEqual([0, "waits"])
    await service.after(GRACE_MS + 20)
    expect([worker.kills, other.story]).toEqual([1, "WorkerCrashed:signal"])
  })
})
