import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { FifoQueue, type Place } from "./FifoQueue.ts"

describe("FifoQueue", () => {
  it("is a list from whose middle one may leave", () => {
    const act = fc.oneof(
      { weight: 3, arbitrary: fc.constant({ do: "push" as const }) },
      { weight: 2, arbitrary: fc.constant({ do: "shift" as const }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("leave" as const), which: fc.nat(30) }) }
    )
    fc.assert(
      fc.property(fc.array(act, { maxLength: 100, size: "max" }), (acts) => {
        const queue = new FifoQueue<number>()
        const places: Array<Place<number>> = []
        let model: Array<number> = []
        for (const one of acts) {
          let [did, should]: [unknown, unknown] = [null, null]
          if (one.do === "push") {
            model.push(places.length)
            places.push(queue.push(places.length))
          } else if (one.do === "shift") {
            ;[did, should] = [queue.shift(), model.shift() ?? null]
          } else {
            // Any place that there ever was, also one that was left before.
            const place = places[one.which % Math.max(1, places.length)]
            should = place !== undefined && model.includes(place.value)
            did = place === undefined ? false : queue.leave(place)
            model = model.filter((value) => value !== place?.value)
          }
          expect(did).toBe(should)
          expect([queue.length, queue.head]).toEqual([model.length, model[0] ?? null])
        }
        const rest: Array<number> = []
        for (let value = queue.shift(); value !== null; value = queue.shift()) rest.push(value)
        expect(rest).toEqual(model)
      })
    )
  })

  it("lets nobody leave another queue", () => {
    const [queue, other] = [new FifoQueue<string>(), new FifoQueue<string>()]
    const place = queue.push("a")
    other.push("b")
    expect(other.leave(place)).toBe(false)
    expect([queue.length, other.length, place.queue]).toEqual([1, 1, queue])
  })

  it("holds nobody by the place of one who left", () => {
    const queue = new FifoQueue<string>()
    const places = ["a", "b", "c"].map((value) => queue.push(value))
    queue.shift()
    expect(places[0]).toEqual({ value: "a", previous: null, next: null, queue: null })
    queue.leave(places[1] as Place<string>)
    expect(places[1]).toEqual({ value: "b", previous: null, next: null, queue: null })
    expect(places[2]).toMatchObject({ previous: null, next: null })
  })
})
