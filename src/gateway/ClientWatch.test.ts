import { describe, expect, it } from "vitest"
import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import { ClientWatch } from "./ClientWatch.ts"

/** A clock that a test moves by hand, one timer at a time. */
class HandClock {
  readonly timers: Array<() => void> = []
  readonly service: MonotonicClock["Type"] = {
    now: () => 0,
    after: (_, task) => {
      this.timers.push(task)
      return () => {}
    }
  }
  tick(): void {
    this.timers.shift()?.()
  }
}

const setup = () => {
  const clock = new HandClock()
  const watch = new ClientWatch(clock.service)
  const open = () => {
    const controller = new AbortController()
    const request = new Request("http://localhost/", { signal: controller.signal })
    let gone = 0
    const watched = watch.add(request, () => (gone += 1))
    return { leave: () => controller.abort(), gone: () => gone, watched }
  }
  return { clock, open, watch }
}

describe("ClientWatch", () => {
  it("tells of a client that leaves after the tick, at once", () => {
    const { clock, open } = setup()
    const call = open()
    clock.tick()
    call.leave()
    expect(call.gone()).toBe(1)
  })

  it("tells of a client that left before the tick, at the tick", () => {
    const { clock, open } = setup()
    const call = open()
    call.leave()
    expect(call.gone()).toBe(0)
    clock.tick()
    expect(call.gone()).toBe(1)
    clock.tick()
    expect(call.gone()).toBe(1)
  })

  it("tells nothing of a call that was answered before the tick", () => {
    const { clock, open, watch } = setup()
    const call = open()
    watch.remove(call.watched)
    call.leave()
    clock.tick()
    expect(call.gone()).toBe(0)
  })

  it("has one timer for all, and none when nothing is open", () => {
    const { clock, open, watch } = setup()
    const calls = [open(), open(), open()]
    expect(clock.timers).toHaveLength(1)
    for (const { watched } of calls) watch.remove(watched)
    clock.tick()
    expect(clock.timers).toHaveLength(0)
    open()
    expect(clock.timers).toHaveLength(1)
  })

  it("an answer from within another's departure is safe", () => {
    const { clock, open, watch } = setup()
    const controller = new AbortController()
    const request = new Request("http://localhost/", { signal: controller.signal })
    const other = open()
    watch.add(request, () => watch.remove(other.watched))
    controller.abort()
    clock.tick()
    other.leave()
    // It has its listener by then; what it does is harmless after an answer.
    expect(other.gone()).toBeLessThanOrEqual(1)
  })
})
