import { Console, Context, Duration, Effect, Fiber, Layer, Option } from "effect"
import { rmSync } from "node:fs"
import { join } from "node:path"
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

export interface RunOptions {
  readonly options: ServerOptions
  /** Deploy the project's examples once the server is up. */
  readonly examples: boolean
}

/** Workers' temp folders: emptied at start of what a killed server left, and removed at the end. */
const workerFolders = Layer.scopedDiscard(
  Effect.gen(function* () {
    const { path } = yield* DataFolder.DataFolder
    const clear = Effect.sync(() => rmSync(join(path, "tmp"), { recursive: true, force: true }))
    yield* Effect.acquireRelease(clear, () => clear)
  })
)

/** Everything behind the two doors, by what it is built on. A scope that closes takes it down from the top. */
const core = (options: ServerOptions) =>
  Functions.layer.pipe(
    Layer.provideMerge(Scheduler.layer),
    Layer.provideMerge(WorkerPools.layer),
    Layer.provideMerge(ProcessSpawner.layer),
    Layer.provideMerge(workerFolders),
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
 * The first SIGTERM or SIGINT. A second one ends the process at once: its workers end with it, by the kernel's hand.
 */
const stopSignal: Effect.Effect<NodeJS.Signals> = Effect.async((resume) => {
  const signals = ["SIGTERM", "SIGINT"] as const
  let first = true
  const handle = (signal: NodeJS.Signals): void => {
    if (!first) process.exit(signal === "SIGINT" ? 130 : 143)
    first = false
    resume(Effect.succeed(signal))
  }
  for (const signal of signals) process.on(signal, handle)
})

const count = (many: number, noun: string): string => `${many} ${noun}${many === 1 ? "" : "s"}`

/**
 * Runs one server until it is told to stop, then drains it and closes everything in order. Fails with the typed error of
 * whatever could not be opened; nothing is left behind then.
 */
export const run = ({ examples, options }: RunOptions) =>
  Effect.scoped(
    Effect.gen(function* () {
      // Listened for from the start: a signal during start-up must not leave half a server behind.
      const stopping = yield* Effect.forkScoped(stopSignal)
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
        yield* Console.log(
          [
            `BunBase Functions ${VERSION} is ready`,
            `  HTTP     ${http.address.url}`,
            `  socket   ${options.socketPath}`,
            `  data     ${options.dataDir} (${count(restored, "function")} deployed)`
          ].join("\n")
        )
        if (examples) {
          yield* showExamples(http.address.url).pipe(Effect.provideService(Functions.Functions, functions))
        }
        return { http, ipc, readiness, scheduler: Context.get(context, Scheduler.Scheduler) }
      })
      const started = yield* Effect.raceFirst(
        Effect.asSome(serving),
        Effect.as(Fiber.join(stopping), Option.none())
      )
      if (Option.isNone(started)) return
      const { http, ipc, readiness, scheduler } = started.value

      const signal = yield* Fiber.join(stopping)
      readiness.state = "draining"
      yield* Console.log(`${signal}: stopping; what is in flight may finish. Once more to end at once.`)
      const drained = yield* Effect.all([http.drain, ipc.drain], {
        concurrency: "unbounded",
        discard: true
      }).pipe(Effect.timeoutOption(options.drainTimeout))
      scheduler.stop()
      if (Option.isNone(drained)) {
        yield* Console.log(
          `some invocations did not finish within ${Duration.format(options.drainTimeout)} and were given up`
        )
      }
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
