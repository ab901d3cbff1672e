import { Effect, Layer } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaultOptions, ServerConfig } from "../config/ServerConfig.ts"
import { describe as describeError } from "../protocol/ErrorTable.ts"
import { BodyBudget, layer, make } from "./BodyBudget.ts"

describe("BodyBudget", () => {
  it("takes what fits to the last byte and nothing beyond, and refuses without taking", () => {
    const budget = make(100)
    expect(budget.take(100)).toBe(true)
    expect(budget.take(1)).toBe(false)
    expect(budget.take(0)).toBe(true)
    budget.giveBack(1)
    expect(budget.take(2)).toBe(false)
    expect(budget.held()).toBe(99)
    expect(budget.take(1)).toBe(true)
  })

  it("holds the sum of what was taken and not given back, and never more than its limit", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 50 }),
        fc.array(fc.record({ bytes: fc.nat(40), back: fc.option(fc.nat()) })),
        (limit, steps) => {
          const budget = make(limit)
          const model: Array<number> = []
          for (const { back, bytes } of steps) {
            const sum = model.reduce((total, one) => total + one, 0)
            expect(budget.take(bytes)).toBe(sum + bytes <= limit)
            if (sum + bytes <= limit) model.push(bytes)
            if (back !== null && model.length > 0)
              budget.giveBack(model.splice(back % model.length, 1)[0] ?? 0)
          }
          expect(budget.held()).toBe(model.reduce((total, one) => total + one, 0))
        }
      )
    )
  })

  it("takes its limit from the configuration, and tells the option's name and when to come back", async () => {
    const config = { ...defaultOptions(), maxBufferedBytes: 12_345 }
    const budget = await Effect.runPromise(
      BodyBudget.pipe(Effect.provide(Layer.provide(layer, Layer.succeed(ServerConfig, config))))
    )
    expect(budget.limitBytes).toBe(12_345)
    const refusal = budget.refusal()
    expect(refusal.message).toMatch(/12345 bytes \(max_buffered_bytes\).*try again in 1 s/)
    expect(describeError(refusal)).toMatchObject({ code: "FN_007", httpStatus: 429, retryable: true })
  })
})
