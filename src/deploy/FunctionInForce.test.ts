import { Duration } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaultOptions } from "../config/ServerConfig.ts"
import type { FunctionSettings } from "../domain/FunctionSpec.ts"
import { effectiveLimits, settingsViolations, stateOf } from "./FunctionInForce.ts"

const options = {
  ...defaultOptions("/data"),
  memoryMb: 200,
  executionTimeout: Duration.millis(1500),
  maxConcurrentExecutions: 50,
  warmWorkers: 1,
  maxWorkers: 5,
  maxWorkersTotal: 20,
  concurrency: 3,
  idleTimeout: Duration.minutes(1),
  maxWorkerInvocations: 7,
  maxWorkerAge: Duration.hours(1)
}

const limitsOfServer = {
  memory_mb: 200,
  timeout_seconds: 1.5,
  max_concurrent_executions: 50,
  warm_workers: 1,
  max_workers: 5,
  concurrency: 3,
  idle_timeout_seconds: 60,
  max_worker_invocations: 7,
  max_worker_age_seconds: 3600
}

describe("effectiveLimits", () => {
  it("are the server's where the function says nothing", () => {
    expect(effectiveLimits({}, options)).toEqual(limitsOfServer)
  })

  it("are the function's where it says something", () => {
    const settings = {
      memory_mb: 64,
      timeout_seconds: 900,
      max_concurrent_executions: 1,
      warm_workers: 0,
      max_workers: 7,
      concurrency: 9,
      idle_timeout_seconds: 0.5,
      max_worker_invocations: 0,
      max_worker_age_seconds: 0.5
    }
    expect(effectiveLimits(settings, options)).toEqual(settings)
  })

  it("each setting counts by itself, and workers stay within the server's total", () => {
    const settings = fc.record(
      {
        memory_mb: fc.integer({ min: 16, max: 4096 }),
        timeout_seconds: fc.integer({ min: 1, max: 900 }),
        warm_workers: fc.integer({ min: 0, max: 1000 }),
        max_workers: fc.integer({ min: 1, max: 1000 }),
        concurrency: fc.integer({ min: 1, max: 10_000 })
      },
      { requiredKeys: [] }
    )
    fc.assert(
      fc.property(settings, (given: FunctionSettings) => {
        const limits = effectiveLimits(given, options)
        for (const key of ["memory_mb", "timeout_seconds", "concurrency"] as const) {
          expect(limits[key]).toBe(given[key] ?? limitsOfServer[key])
        }
        expect(limits.max_workers).toBe(Math.min(given.max_workers ?? 5, 20))
        expect(limits.warm_workers).toBeLessThanOrEqual(limits.max_workers)
        // What was accepted is what is in force.
        const isAccepted = settingsViolations(given, options).length === 0
        const asked = { max_workers: 5, warm_workers: limits.warm_workers, ...given }
        expect(isAccepted ? limits : asked).toMatchObject({
          max_workers: asked.max_workers,
          warm_workers: asked.warm_workers
        })
      })
    )
  })
})

describe("settingsViolations", () => {
  it("names more workers than the server runs, and more warm ones than there may be", () => {
    expect(settingsViolations({ max_workers: 21, warm_workers: 22 }, options)).toEqual([
      {
        field: "max_workers",
        value: 21,
        message: "this server runs at most 20 workers in all (max_workers_total)"
      },
      { field: "warm_workers", value: 22, message: "must not be above max_workers, which is 21" }
    ])
    expect(settingsViolations({ warm_workers: 6 }, options)).toHaveLength(1)
    expect(settingsViolations({ warm_workers: 5 }, options)).toEqual([])
    expect(settingsViolations({}, options)).toEqual([])
  })
})

describe("stateOf", () => {
  const none = { starting: 0, warm: 0, busy: 0, idle: 0, draining: 0 }

  it.each([
    ["registered", none, "REGISTERED"],
    ["built", none, "BUILT"],
    ["deleted", { ...none, busy: 1 }, "TERMINATED"],
    ["deployed", none, "DEPLOYED"],
    ["deployed", { ...none, starting: 2, draining: 1 }, "DEPLOYED"],
    ["deployed", { ...none, idle: 1 }, "IDLE"],
    ["deployed", { ...none, idle: 1, warm: 1 }, "WARM"],
    ["deployed", { ...none, idle: 1, warm: 1, busy: 1 }, "BUSY"]
  ] as const)("%s with %j is %s", (status, workers, state) => {
    expect(stateOf(status, workers)).toBe(state)
  })
})
