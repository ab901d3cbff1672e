import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"
import type { FunctionView } from "../client/index.ts"
import { profileCapabilities } from "../domain/Capabilities.ts"
import { differences, readSettings } from "./functionSettings.ts"

const none = {
  runtime: undefined,
  profile: undefined,
  handler: undefined,
  env: [],
  memoryMb: undefined,
  timeoutSeconds: undefined,
  warmWorkers: undefined,
  maxWorkers: undefined,
  concurrency: undefined,
  maxConcurrentExecutions: undefined,
  idleTimeoutSeconds: undefined,
  maxWorkerInvocations: undefined,
  maxWorkerAgeSeconds: undefined,
  isolation: undefined,
  snapshot: false,
  exposeErrors: false
}
const read = (flags: Partial<Parameters<typeof readSettings>[1]>, name = "f") =>
  Effect.runPromise(Effect.either(readSettings(name, { ...none, ...flags })))

describe("readSettings", () => {
  it("leaves out what was not given, so that the server's defaults hold", async () => {
    expect(Either.getOrThrow(await read({}))).toEqual({ name: "f" })
  })

  it("reads every flag", async () => {
    const settings = await read({
      runtime: "quickjs-ng",
      profile: "permissive",
      handler: "main",
      env: ["A=1", "B=x=y", "C="],
      memoryMb: "128",
      timeoutSeconds: "2.5",
      warmWorkers: "0",
      isolation: "invocation",
      snapshot: true,
      exposeErrors: true
    })
    expect(Either.getOrThrow(settings)).toEqual({
      name: "f",
      runtime: "quickjs-ng",
      capabilities: profileCapabilities.permissive,
      handler: "main",
      env: { A: "1", B: "x=y", C: "" },
      memory_mb: 128,
      timeout_seconds: 2.5,
      warm_workers: 0,
      isolation: "invocation",
      snapshot: true,
      expose_errors: true
    })
  })

  it("reports every fault under the name of its flag", async () => {
    const failure = Either.getOrThrow(
      Either.flip(
        await read({ memoryMb: "lots", concurrency: "0", timeoutSeconds: "901", env: ["1A=x"] }, "Bad_Name")
      )
    )
    expect(failure.exitCode).toBe(2)
    expect(failure.details?.map((line) => line.split(":")[0])).toEqual(
      expect.arrayContaining(["NAME", "--memory-mb", "--concurrency", "--timeout-seconds", "--env 1A"])
    )
  })
})

describe("differences", () => {
  const view = {
    runtime: "bun",
    handler: "handler",
    memory_mb: 256,
    expose_errors: false,
    env: ["A", "B"],
    capabilities: profileCapabilities.strict
  } as Partial<FunctionView> as FunctionView

  it("are none where the function is as it is wanted", () => {
    expect(differences({ name: "f" }, view)).toEqual([])
    expect(
      differences(
        { name: "f", runtime: "bun", memory_mb: 256, capabilities: profileCapabilities.strict },
        view
      )
    ).toEqual([])
  })

  it("name the flag, what is and what was wanted", () => {
    expect(
      differences(
        {
          name: "f",
          memory_mb: 128,
          expose_errors: true,
          env: { A: "1", C: "secret" },
          capabilities: profileCapabilities.custom
        },
        view
      )
    ).toEqual([
      "--memory-mb: it is 256, not 128",
      "--expose-errors: it is false, not true",
      "--profile: it is strict, not custom",
      "--env C: it has no such variable"
    ])
  })
})
