import { Context, Duration, Effect, Exit, Layer, Scope } from "effect"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Invocation, Outcome, Target } from "../../src/domain/Invocation.ts"
import * as MonotonicClock from "../../src/domain/MonotonicClock.ts"
import { collectLogs } from "../support/CollectedLogs.ts"
import * as WorkerPools from "../../src/pool/WorkerPools.ts"
import * as Scheduler from "../../src/scheduler/Scheduler.ts"
import * as MemoryLimits from "../../src/worker/memory/chooseMemoryLimits.ts"
import * as ProcessSpawner from "../../src/worker/ProcessSpawner.ts"
import type { RuntimeCommand } from "../../src/worker/RuntimeCommand.ts"
import { workerFolders } from "../../src/worker/WorkerFolder.ts"
import { WorkerSpawner } from "../../src/worker/WorkerSpawner.ts"
import { until } from "../support/Api.ts"
import { isAlive, processesNaming } from "../support/Processes.ts"
import { invocationOf, targetOf } from "../support/ScheduledService.ts"
import { configLayer } from "../support/TemporaryData.ts"

/** A worker that knows version 1.0 on stdin and stdout only, as a process, under the real spawner, pool and scheduler. */

const program = fileURLToPath(new URL("../support/stdioWorker.ts", import.meta.url))

let folder: string
let scope: Scope.CloseableScope
let scheduler: Scheduler.Scheduler["Type"]
let logs: ReturnType<typeof collectLogs>
let serial = 0
const pids = new Set<number>()

const runtime: RuntimeCommand = {
  runtime: "bun",
  transport: "stdio",
  command: ({ bundlePath }) => [process.execPath, "--no-env-file", program, bundlePath]
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-stdio-"))
  logs = collectLogs()
  scope = await Effect.runPromise(Scope.make())
  const context = await Effect.runPromise(
    Layer.build(
      Scheduler.layer.pipe(
        Layer.provide(WorkerPools.layer),
        Layer.provide(Layer.scoped(WorkerSpawner, ProcessSpawner.make([runtime]))),
        Layer.provide(MemoryLimits.layer),
        Layer.provide(
          Layer.mergeAll(
            configLayer(folder, { killGrace: Duration.seconds(1), cancelGrace: Duration.millis(50) }),
            MonotonicClock.layer,
            logs.layer
          )
        )
      )
    ).pipe(Scope.extend(scope))
  )
  scheduler = Context.get(context, Scheduler.Scheduler)
})
const shutDown = () => Effect.runPromise(Scope.close(scope, Exit.void))
afterEach(async () => {
  await shutDown()
  expect([...pids].filter(isAlive)).toEqual([])
  pids.clear()
  rmSync(folder, { recursive: true, force: true })
})

/** Its bundle's path, which the worker gets as an argument, finds its processes. */
const target = (limits: Partial<Target["limits"]> = {}): Target => ({
  ...targetOf({ limits: { max_workers: 1, ...limits } }),
  bundlePath: join(folder, "bundles", "bundle.js")
})

const submit = (to: Target, path: string, fields: Partial<Invocation> = {}) => {
  const settled = Promise.withResolvers<Outcome>()
  const id = `call-${(serial += 1)}`
  const cancel = scheduler.submit(to, invocationOf(id, { path, url: path, ...fields }), settled.resolve)
  return { id, cancel, outcome: settled.promise }
}

interface Answer {
  readonly pid: number
  readonly served: number
  readonly [key: string]: unknown
}
const answerOf = (outcome: Outcome): Answer => {
  if (outcome._tag === "Failure") throw outcome.error
  const answer = JSON.parse(new TextDecoder().decode(outcome.result.body)) as Answer
  pids.add(answer.pid)
  return answer
}
const call = async (to: Target, path = "/", fields?: Partial<Invocation>) =>
  answerOf(await submit(to, path, fields).outcome)
const failureOf = async (to: Target, path: string) => {
  const outcome = await submit(to, path).outcome
  if (outcome._tag === "Success") return { _tag: outcome._tag }
  // Of an Error these are not enumerable.
  const { cause, message } = outcome.error
  return { ...outcome.error, cause, message }
}

describe("a worker of version 1.0 on stdin and stdout", () => {
  it("serves: what was sent reaches it, what it answers comes back, and the process is kept", async () => {
    const to = target()
    const first = await call(to, "/a", {
      method: "POST",
      url: "/a?x=1&x=2&y=3",
      headers: { "x-hello": "there" },
      body: new TextEncoder().encode("grüße")
    })
    expect(first).toEqual({
      method: "POST",
      path: "/a",
      // 1.0 has a map: of a repeated key the last value.
      query: { x: "2", y: "3" },
      hello: "there",
      body: "grüße",
      pid: expect.any(Number),
      served: 1,
      arguments: [to.bundlePath]
    })
    expect(await call(to)).toMatchObject({ pid: first.pid, served: 2 })
  })

  it("gets one invocation at a time, whatever the function allows", async () => {
    const to = target({ concurrency: 8 })
    // Its worker is up from here on.
    await call(to)
    const never = submit(to, "/never")
    const next = submit(to, "/")
    // Had it been sent, it would have been answered before this, which another worker of the same program serves.
    await call({ ...target(), ...targetOf({ name: "other" }), bundlePath: to.bundlePath })
    expect(scheduler.queued(to.functionId)).toBe(1)
    next.cancel()
    never.cancel()
  })

  it("carries a body of 9 MiB both ways", async () => {
    const body = new Uint8Array(9 << 20).fill(0x61)
    const { body: back } = await call(target(), "/", { method: "POST", body })
    expect(String(back).length).toBe(9 << 20)
  })

  it("has what it logs and prints in the log, and its protocol unharmed by it", async () => {
    const to = target()
    const { id, outcome } = submit(to, "/console")
    expect((await outcome)._tag).toBe("Success")
    const lines = await until(
      () => Promise.resolve(logs.entries),
      (entries) => entries.some(({ message }) => message === "on stderr")
    )
    const about = { functionName: "fn", version: "v1", workerId: expect.any(String) }
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...about, level: "info", message: "from the handler", invocationId: id }),
        expect.objectContaining({ ...about, level: "warn", message: "on stdout, and no message" }),
        expect.objectContaining({ ...about, level: "warn", message: "on stderr" })
      ])
    )
    expect(await call(to)).toMatchObject({ served: 2 })
  })

  it("tells a handler's error, and goes on", async () => {
    const to = target()
    expect(await failureOf(to, "/throw")).toMatchObject({ _tag: "HandlerFailed", handlerMessage: "thrown" })
    expect(await call(to)).toMatchObject({ served: 2 })
  })

  it("crashes: its caller is told, and the next call gets another process", async () => {
    const to = target()
    const { pid } = await call(to)
    expect(await failureOf(to, "/crash")).toMatchObject({
      _tag: "WorkerCrashed",
      reason: expect.stringContaining("code 7")
    })
    const next = await call(to)
    expect(next.pid).not.toBe(pid)
    expect(next.served).toBe(1)
    expect(isAlive(pid)).toBe(false)
  })

  it("misses its deadline and is killed for it, because it cannot be asked to give up", async () => {
    const to = target({ timeout_seconds: 0.3 })
    const { pid } = await call({ ...to, limits: { ...to.limits, timeout_seconds: 30 } })
    expect(await failureOf(to, "/never")).toMatchObject({ _tag: "ExecutionTimeout", phase: "run" })
    await until(
      () => Promise.resolve(isAlive(pid)),
      (alive) => !alive
    )
    expect((await call(target())).served).toBe(1)
  })

  it("answers an invocation that it was never given, and is not used again", async () => {
    const to = target()
    const { pid } = await call(to)
    expect(await failureOf(to, "/forge")).toMatchObject({ _tag: "WorkerCrashed", cause: "protocol" })
    expect((await call(to)).pid).not.toBe(pid)
  })

  it("ends with its pool, by SIGTERM, and leaves neither process nor folder", async () => {
    const to = target()
    const { pid } = await call(to)
    expect(processesNaming(to.bundlePath)).toEqual([pid])
    await shutDown()
    expect(processesNaming(to.bundlePath)).toEqual([])
    await until(
      () => Promise.resolve(readdirSync(workerFolders(folder))),
      (left) => left.length === 0
    )
  })

  it("that cannot be started is said so", async () => {
    const missing: RuntimeCommand = { ...runtime, command: () => ["/nowhere/worker"] }
    const outcome = await Effect.runPromise(
      Effect.gen(function* () {
        const spawner = yield* ProcessSpawner.make([missing])
        return yield* Effect.either(spawner.spawn(target(), "w1" as never))
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.provideMerge(
            MemoryLimits.layer,
            Layer.mergeAll(configLayer(folder), MonotonicClock.layer, logs.layer)
          )
        )
      )
    )
    expect(outcome).toMatchObject({
      _tag: "Left",
      left: { kind: "exit", reason: expect.stringContaining("127") }
    })
  })
})
