import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { Target } from "../domain/Invocation.ts"
import { readiness } from "./readiness.ts"

const naming = (handler: string) => ({ handler }) as Target

describe("readiness", () => {
  it.each([
    ["the export that was named", "main", "main"],
    ["a worker that does not tell", undefined, "main"],
    ["a handler that nobody chose", "default", "handler"],
    ["the default export by its own name", "default", "default"]
  ])("accepts %s", (_, answers, named) => {
    const payload = answers === undefined ? {} : { handler: answers }
    expect(Effect.runSync(readiness(payload, naming(named)))).toBe(false)
    const able = { ...payload, protocol: "1.1", features: ["ping", "concurrency"] }
    expect(Effect.runSync(readiness(able, naming(named)))).toBe(true)
  })

  it("takes no feature from a worker that names no version: it is one of 1.0 (WP-048)", () => {
    expect(Effect.runSync(readiness({ features: ["concurrency"] }, naming("handler")))).toBe(false)
  })

  it("refuses a named export that the default one hides", () => {
    const error = Effect.runSync(Effect.flip(readiness({ handler: "default" }, naming("main"))))
    expect(error).toMatchObject({ _tag: "DeploymentFailed", stage: "handler" })
    expect(error.message).toContain('the handler "main" would never be called')
  })
})
