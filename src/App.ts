import { Console, Context, Duration, Effect, Fiber, Layer, Option } from "effect"
import { rmSync } from "node:fs"
import { ServerConfig, type ServerOptions } from "./config/ServerConfig.ts"
import * as AvailableRuntimes from "./deploy/AvailableRuntimes.ts"
import { deployExamples } from "./deploy/exampleFunctions.ts"
import * as Functions from "./deploy/Functions.ts"
import * as MonotonicClock from "./domain/MonotonicClock.ts"
import * as HttpServer from "./gateway/HttpServer.ts"
import * as Readiness from "./gateway/Readiness.ts"
import * as IpcServer from "./ipc/IpcServer.ts"
import * as JsonlLogPipeline from "./logs/JsonlLogPipeline.ts"
import * as WorkerPools from "./pool/WorkerPools.ts"
import * as Router from "./router/Router.ts"
import * as Scheduler from "./scheduler/Scheduler.ts"
import * as BundleStore from "./store/BundleStore.ts"
import * as DataFolder from "./store/DataFolder.ts"
import * as SqlMetadataStore from "./store/SqlMetadataStore.ts"
import { VERSION } from "./domain/Product.ts"
import * as ProcessSpawner from "./worker/ProcessSpawner.ts"
import { removeTree, workerFolders } from "./worker/WorkerFolder.ts"

export interface RunOptions {
  readonly options: ServerOptions
  /** Deploy the project's examples once the server is up. */
  readonly examples: boolean
}

/** Workers' temp folders: emptied at start of what a killed server left, and removed at the end. */
const workerTemp = Layer.scopedDiscard(
  Effect.gen(function* () {
    const { path } = yield* DataFolder.DataFolder
    const clear = Effect.promise(() => removeTree(workerFolders(path)))
    yield* Effect.acquireRelease(clear, () => clear)
  })
)

/** Everything behind the two doors, by what it is built on. A scope that closes takes it down from the top. */
const core = (options: ServerOptions) =>
  Functions.layer.pipe(
    Layer.provideMerge(Scheduler.layer),
    Layer.provideMerge(WorkerPools.layer),
    Layer.provideMerge(ProcessSpawner.layer),
    Layer.provideMerge(workerTemp),
    Layer.provideMerge(Layer.mergeAll(SqlMetadataStore.layer, BundleStore.layer, JsonlLogPipeline.layer)),
    Layer.provideMerge(DataFolder.layer),
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.succeed(ServerConfig, options),
        MonotonicClock.layer,
        Readiness.layer,
        Router.layer,
        AvailableRuntimes.layerBun
      )
    )
  )

const doors = Layer.mergeAll(HttpServer.layer, IpcServer.layer)

/**
 * The first SIGTERM or SIGINT. A second one ends the process at once: its workers end with it, by the kernel's hand,
 * and `leave` clears away what can be cleared in that instant.
 */
const stopSignal = (leave: () => void): Effect.Effect<NodeJS.Signals> =>
  Effect.async((resume) => {
    let first = true
    let firstAt = 0
    const handle = (signal: NodeJS.Signals): void => {
      // One Ctrl-C arrives twice under npm: from the terminal, and passed on by npm.
      if (!first && signal === "SIGINT" && performance.now() - firstAt < ONE_CTRL_C_MS) return
      if (!first) {
        leave()
        process.exit(signal === "SIGINT" ? 130 : 143)
      }
      first = false
      firstAt = performance.now()
      resume(Effect.succeed(signal))
    }
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, handle)
  })

/** SIGINTs closer together than this are one. */
const ONE_CTRL_C_MS = 500

/** What answers get to be written in, after the drain time, by whoever reads them. */
const LAST_ANSWERS = Duration.seconds(1)

const count = (many: number, noun: string): string => `${many} ${noun}${many === 1 ? "" : "s"}`

/**
 * Runs one server until it is told to stop, then drains it and closes everything in order. Fails with the typed error of
 * whatever could not be opened; nothing is left behind then.
 */
export const run = ({ examples, options }: RunOptions) =>
  Effect.scoped(
    Effect.gen(function* () {
      // Listened for from the start: a signal during start-up must not leave half a server behind.
      let open = false
      const leave = (): void => {
        // Only what is ours: before the doors are open, the socket may be another server's.
        if (!open) return
        rmSync(options.socketPath, { force: true })
        rmSync(workerFolders(options.dataDir), { recursive: true, force: true })
      }
      const stopping = yield* Effect.forkScoped(stopSignal(leave))
      const serving = Effect.gen(function* () {
        const context = yield* Layer.build(core(options))
        const functions = Context.get(context, Functions.Functions)
        const readiness = Context.get(context, Readiness.Readiness)
        const restored = yield* functions.restore
        // The doors open last: whoever gets in finds every deployed function.
        const opened = yield* Layer.build(doors).pipe(Effect.provide(context))
        const http = Context.get(opened, HttpServer.HttpServer)
        const ipc = Context.get(opened, IpcServer.IpcServer)
        readiness.state = "ready"
        open = true
        yield* Console.log(
          [
            `BunBase Functions ${VERSION} is ready`,
            `  HTTP     ${http.address.url}`,
            `  socket   ${options.socketPath}`,
            `  data     ${options.dataDir} (${count(restored, "function")} deployed)`
          ].join("\n")
        )
        return { functions, http, ipc, readiness, scheduler: Context.get(context, Scheduler.Scheduler) }
      })
      const started = yield* Effect.raceFirst(
        Effect.asSome(serving),
        Effect.as(Fiber.join(stopping), Option.none())
      )
      if (Option.isNone(started)) return
      const { functions, http, ipc, readiness, scheduler } = started.value
      if (examples) {
        // Beside the wait for a signal, not before it: the doors are open, and what is in flight has to be drained.
        yield* Effect.forkScoped(
          showExamples(http.address.url).pipe(Effect.provideService(Functions.Functions, functions))
        )
      }

      const signal = yield* Fiber.join(stopping)
      readiness.state = "draining"
      yield* Console.log(`${signal}: stopping; what is in flight may finish. Once more to end at once.`)
      const drain = yield* Effect.forkScoped(
        Effect.all([http.drain, ipc.drain], { concurrency: "unbounded", discard: true })
      )
      const drained = yield* Effect.timeoutOption(Fiber.join(drain), options.drainTimeout)
      scheduler.stop()
      if (Option.isSome(drained)) return
      yield* Console.log(
        `some invocations did not finish within ${Duration.format(options.drainTimeout)} and were given up`
      )
      // Their callers are told so, while the doors are still open.
      scheduler.abandon()
      yield* Effect.timeoutOption(Fiber.join(drain), LAST_ANSWERS)
    })
  )

/** Deploys the examples and shows how to call the first of them. A failure here is told, and the server goes on. */
const showExamples = (url: string) =>
  deployExamples.pipe(
    Effect.flatMap((deployed) =>
      Console.log(
        [
          `  examples ${deployed.map((one) => one.name).join(", ")}`,
          "",
          "Call one:",
          `  curl '${url}/functions/hello-world?name=Alice'`,
          "Change examples/hello-world.ts, then:",
          "  bin/bunbase fn deploy hello-world examples/hello-world.ts"
        ].join("\n")
      )
    ),
    Effect.catchAll((error) => Console.error(`the examples were not deployed: ${error.message}`))
  )
