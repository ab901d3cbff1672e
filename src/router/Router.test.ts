import { Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { FunctionNotFound } from "../domain/Errors.ts"
import { targetOf } from "../../tests/support/ScheduledService.ts"
import { layer, Router } from "./Router.ts"

const open = () => Effect.runSync(Effect.provide(Router, layer))
const reason = (found: ReturnType<Router["Type"]["resolve"]>) =>
  found instanceof FunctionNotFound ? found.reason : found

describe("Router", () => {
  it("does the same as a table of functions, by name and by id", () => {
    const names = ["a", "b", "__proto__", "constructor"]
    const act = fc.record({
      do: fc.constantFrom("announce" as const, "publish" as const, "publish" as const, "withdraw" as const),
      name: fc.constantFrom(...names),
      version: fc.constantFrom("v1", "v2")
    })
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        const router = open()
        const model = new Map<string, ReturnType<typeof targetOf> | "not_deployed">()
        for (const one of acts) {
          const target = targetOf({ name: one.name, version: one.version })
          if (one.do === "announce") {
            router.announce(target.functionId, target.name)
            if (!model.has(one.name)) model.set(one.name, "not_deployed")
          } else if (one.do === "publish") {
            router.publish(target)
            model.set(one.name, target)
          } else {
            router.withdraw(target.functionId)
            model.delete(one.name)
          }
          for (const name of names) {
            const expected = model.get(name) ?? "unknown"
            const { functionId } = targetOf({ name })
            expect([reason(router.resolve(name)), reason(router.resolve(functionId))]).toEqual([
              expected,
              expected
            ])
          }
        }
      })
    )
  })

  it("gives the very target that was published: an invocation keeps the one it was given", () => {
    const router = open()
    const [first, second] = [targetOf({ version: "v1" }), targetOf({ version: "v2" })]
    router.publish(first)
    const given = router.resolve("fn")
    router.publish(second)
    expect(given).toBe(first)
    expect(router.resolve("fn")).toBe(second)
  })

  it("repeats the name that was asked for", () => {
    expect(open().resolve("nobody")).toMatchObject({
      _tag: "FunctionNotFound",
      function: "nobody",
      reason: "unknown"
    })
  })
})
