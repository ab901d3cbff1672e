import { Duration, Effect, Exit, Scope } from "effect"
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { defaultOptions } from "../../src/config/ServerConfig.ts"
import type { WorkerId } from "../../src/domain/Ids.ts"
import type { Target } from "../../src/domain/Invocation.ts"
import { MonotonicClock } from "../../src/domain/MonotonicClock.ts"
import * as Clock from "../../src/domain/MonotonicClock.ts"
import { makeBunRuntime } from "../../src/worker/BunRuntime.ts"
import { makeQuickJsRuntime } from "../../src/worker/QuickJsRuntime.ts"
import { makeSpawnedRuntime } from "../../src/worker/SpawnedRuntime.ts"
import { workerFolders } from "../../src/worker/WorkerFolder.ts"
import { findParentDeathPrefix } from "../../src/worker/WorkerProcess.ts"
import type { StartFailure, Worker } from "../../src/worker/WorkerSpawner.ts"
import type { WorkerAnswer } from "../../src/worker/WorkerAnswer.ts"
import { invocationOf, targetOf } from "./ScheduledService.ts"

const fake = fileURLToPath(new URL("fakeForkServer.ts", import.meta.url))
/** The real worker, where it has been built. */
export const builtWorker = defaultOptions().quickjsWorker
export const isBuilt = existsSync(builtWorker)

export type FakeMode = "well" | "refuses" | "silent" | "dumb" | "exits"

/** A program that behaves like the QuickJS-NG worker, made of Bun guests, and how it behaves from now on. */
export const fakeProgram = (folder: string, mode: FakeMode = "well") => {
  const modeFile = join(folder, "mode")
  const path = join(folder, "fake-worker")
  const behave = (next: FakeMode): void => writeFileSync(modeFile, next)
  behave(mode)
  writeFileSync(path, `#!/bin/sh\nFAKE_MODE_FILE='${modeFile}' exec '${process.execPath}' '${fake}' "$@"\n`)
  chmodSync(path, 0o755)
  return { path, behave }
}

export interface RuntimeUnderTest {
  readonly logs: Array<string>
  readonly dataDir: string
  /** Starts a worker in a scope of its own. */
  readonly start: (target: Target) => Promise<StartedWorker>
  readonly startFails: (target: Target) => Promise<StartFailure>
  readonly forget: (target: Target) => void
  /** Spare workers that could be taken now. */
  readonly spares: () => number
  /** Files in the folder of sockets and workers' temp folders. */
  readonly left: () => ReadonlyArray<string>
  readonly close: () => Promise<void>
}

export interface StartedWorker extends Worker {
  readonly call: (fields?: Parameters<typeof invocationOf>[1]) => Promise<WorkerAnswer>
  readonly end: () => Promise<void>
}

/** What a runtime is made with beside its own settings. */
type Surroundings = Omit<Parameters<typeof makeQuickJsRuntime>[0], "binary" | "forkServer" | "spares">
type Made = Pick<RuntimeUnderTest, "spares" | "forget"> &
  Pick<Effect.Effect.Success<ReturnType<typeof makeQuickJsRuntime>>, "spawn">

let serial = 0

/**
 * The runtime as the server has it, on a program, but without spare workers unless they are asked for: a start is a fork then.
 * `close` ends all that was started.
 */
export const startRuntime = async (
  dataDir: string,
  binary: string,
  settings: { readonly startupMs?: number; readonly forkServer?: boolean; readonly spares?: number } = {}
): Promise<RuntimeUnderTest> =>
  runtimeUnderTest(dataDir, settings.startupMs, (surroundings) =>
    makeQuickJsRuntime({
      ...surroundings,
      binary,
      forkServer: settings.forkServer ?? true,
      spares: settings.spares ?? 0
    })
  )

/** Bun's workers as the server has them. */
export const startBunRuntime = async (
  dataDir: string,
  settings: { readonly startupMs?: number; readonly spares?: number; readonly program?: string } = {}
): Promise<RuntimeUnderTest> =>
  runtimeUnderTest(dataDir, settings.startupMs, (surroundings) =>
    Effect.gen(function* () {
      const bun = yield* makeBunRuntime(workerFolders(dataDir), surroundings.log)
      let starting = 0
      const runtime = yield* makeSpawnedRuntime(
        settings.program === undefined || bun.spare === undefined
          ? bun
          : { ...bun, spare: { ...bun.spare, command: [process.execPath, settings.program] } },
        { ...surroundings, spares: settings.spares ?? 0, quiet: () => starting === 0 }
      )
      runtime.refill()
      return {
        forget: () => {},
        spares: runtime.spares,
        spawn: (target: Target, id: WorkerId) =>
          Effect.suspend(() => {
            starting += 1
            return Effect.ensuring(
              runtime.spawn(target, id),
              Effect.sync(() => {
                starting -= 1
                runtime.refill()
              })
            )
          })
      }
    })
  )

/** A runtime in a scope of its own. `close` ends all that was started. */
const runtimeUnderTest = async (
  dataDir: string,
  startupMs: number | undefined,
  make: (surroundings: Surroundings) => Effect.Effect<Made, never, Scope.Scope>
): Promise<RuntimeUnderTest> => {
  mkdirSync(workerFolders(dataDir), { recursive: true })
  const logs: Array<string> = []
  const scope = await Effect.runPromise(Scope.make())
  const workers = new Set<Scope.CloseableScope>()
  const clock = await Effect.runPromise(
    Effect.provide(MonotonicClock, Clock.layer) as Effect.Effect<MonotonicClock["Type"]>
  )
  const runtime = await Effect.runPromise(
    make({
      clock,
      log: ({ message }) => void logs.push(message),
      parentDeathPrefix: findParentDeathPrefix(),
      server: {
        dataDir,
        startupTimeout: Duration.millis(startupMs ?? 10_000),
        killGrace: Duration.millis(500),
        maxResponseBytes: 1024 * 1024
      }
    }).pipe(Scope.extend(scope))
  )
  const spawn = (target: Target, own: Scope.CloseableScope) =>
    Effect.runPromise(
      runtime.spawn(target, `t${(serial += 1)}` as WorkerId).pipe(Scope.extend(own), Effect.either)
    )
  const open = async (): Promise<Scope.CloseableScope> => {
    const own = await Effect.runPromise(Scope.make())
    workers.add(own)
    return own
  }
  const shut = async (own: Scope.CloseableScope): Promise<void> => {
    workers.delete(own)
    await Effect.runPromise(Scope.close(own, Exit.void))
  }
  return {
    logs,
    dataDir,
    start: async (target) => {
      const own = await open()
      const started = await spawn(target, own)
      if (started._tag === "Left") throw started.left
      const worker = started.right
      return {
        ...worker,
        call: (fields = {}) =>
          new Promise((resolve) => {
            worker.session.invoke(invocationOf(`call-${(serial += 1)}`, fields), 10_000, resolve)
          }),
        end: () => shut(own)
      }
    },
    startFails: async (target) => {
      const own = await open()
      const started = await spawn(target, own)
      await shut(own)
      if (started._tag === "Right") throw new Error("the worker started")
      return started.left
    },
    forget: runtime.forget,
    spares: runtime.spares,
    left: () => readdirSync(workerFolders(dataDir)),
    close: async () => {
      for (const own of workers) await shut(own)
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  }
}

/** A quickjs-ng target with its bundle in `folder`. */
export const bundledTarget = (
  folder: string,
  name: string,
  code: string,
  more: Partial<Target> = {}
): Target => {
  const bundlePath = join(folder, `${name}.js`)
  writeFileSync(bundlePath, code)
  return { ...targetOf({ name }), runtime: "quickjs-ng", bundlePath, ...more }
}

export const bodyOf = (answer: WorkerAnswer): string => {
  if (answer._tag !== "Response") throw new Error(JSON.stringify(answer))
  return Buffer.from(answer.payload.body, "base64").toString()
}
