import { Deferred, Effect, Exit, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { makeTurns, MAX_WAITING } from "./Turns.ts"

const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect)

describe("makeTurns", () => {
  it("runs one at a time per key, in order; keys do not wait for each other", () =>
    run(
      Effect.gen(function* () {
        const inTurn = makeTurns()
        const gate = yield* Deferred.make<void>()
        const order: Array<string> = []
        const first = yield* Effect.fork(inTurn("a", Deferred.await(gate)))
        yield* Effect.yieldNow()
        const waiting = yield* Effect.forEach([1, 2, 3], (n) =>
          Effect.fork(
            inTurn(
              "a",
              Effect.sync(() => void order.push(`a${n}`))
            )
          )
        )
        yield* inTurn(
          "b",
          Effect.sync(() => void order.push("b"))
        )
        expect(order).toEqual(["b"])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.joinAll([first, ...waiting])
        expect(order).toEqual(["b", "a1", "a2", "a3"])
      })
    ))

  it("refuses what comes beyond the waiting ones, and takes new ones when there is room", () =>
    run(
      Effect.gen(function* () {
        const inTurn = makeTurns()
        const gate = yield* Deferred.make<void>()
        const running = yield* Effect.forEach(Array.from({ length: MAX_WAITING + 1 }), () =>
          Effect.fork(inTurn("a", Deferred.await(gate)))
        )
        yield* Effect.yieldNow()
        expect(yield* Effect.flip(inTurn("a", Effect.void))).toMatchObject({
          _tag: "LimitExceeded",
          limit: "deploys",
          value: MAX_WAITING
        })
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.joinAll(running)
        yield* inTurn("a", Effect.void)
      })
    ))

  it("goes on after a failure, and after an interruption while waiting", () =>
    run(
      Effect.gen(function* () {
        const inTurn = makeTurns()
        const gate = yield* Deferred.make<void>()
        const holder = yield* Effect.fork(
          Effect.exit(inTurn("a", Effect.zipRight(Deferred.await(gate), Effect.fail("x"))))
        )
        yield* Effect.yieldNow()
        const waiter = yield* Effect.fork(inTurn("a", Effect.never))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(waiter)
        yield* Deferred.succeed(gate, undefined)
        expect(Exit.isFailure(yield* Fiber.join(holder))).toBe(true)
        expect(yield* inTurn("a", Effect.succeed(1))).toBe(1)
      })
    ))
})
