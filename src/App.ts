import { Console, Context, Duration, Effect, Either, Fiber, Layer, Option } from "effect"
import { existsSync, rmSync } from "node:fs"
import { defaultOptions, ServerConfig, type ServerOptions } from "./config/ServerConfig.ts"
import * as AvailableRuntimes from "./deploy/AvailableRuntimes.ts"
import { deployExamples, type ExampleResult } from "./deploy/exampleFunctions.ts"
import * as Functions from "./deploy/Functions.ts"
import * as MonotonicClock from "./domain/MonotonicClock.ts"
import * as HttpServer from "./gateway/HttpServer.ts"
import * as Readiness from "./gateway/Readiness.ts"
import * as IpcServer from "./ipc/IpcServer.ts"
import * as SocketFile from "./ipc/SocketFile.ts"
import * as JsonlLogPipeline from "./logs/JsonlLogPipeline.ts"
import { LogPipeline } from "./logs/LogPipeline.ts"
import * as WorkerPools from "./pool/WorkerPools.ts"
import * as BodyBudget from "./router/BodyBudget.ts"
import * as Router from "./router/Router.ts"
import * as Scheduler from "./scheduler/Scheduler.ts"
import * as BundleStore from "./store/BundleStore.ts"
import * as DataFolder from "./store/DataFolder.ts"
import * as SqlMetadataStore from "./store/SqlMetadataStore.ts"
import type { SystemView } from "./protocol/Management.ts"
import { stopSignal } from "./StopSignal.ts"
import { VERSION } from "./domain/Product.ts"
import * as MemoryLimits from "./worker/memory/chooseMemoryLimits.ts"
import * as ProcessSpawner from "./worker/ProcessSpawner.ts"
import { removeTree, workerFolders } from "./worker/WorkerFolder.ts"

export interface RunOptions {
  readonly options: ServerOptions
  /** Deploy the project's examples once the server is up. */
  readonly examples: boolean
  /** How the lines that the server prints to be typed call the program, and where they find the examples. */
  readonly typed: { readonly command: string; readonly examples: string }
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
    // Before there is a folder: it may refuse the start.
    Layer.provideMerge(MemoryLimits.layer),
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.succeed(ServerConfig, options),
        MonotonicClock.layer,
        Readiness.layer,
        Router.layer,
        AvailableRuntimes.layer.pipe(Layer.provide(Layer.succeed(ServerConfig, options)))
      )
    )
  )

/** The socket opens second: its PING tells where HTTP is. */
const socketDoor = Layer.unwrapEffect(
  Effect.map(HttpServer.HttpServer, ({ address }) => IpcServer.layer(localUrl(address.url)))
)
const doors = socketDoor.pipe(Layer.provideMerge(HttpServer.layer), Layer.provide(BodyBudget.layer))

/** What answers get to be written in, after the drain time, by whoever reads them. */
const LAST_ANSWERS = Duration.seconds(1)

const count = (many: number, noun: string): string => `${many} ${noun}${many === 1 ? "" : "s"}`

/** Where programs of this machine reach an address: one that stands for all addresses is none that can be called. */
const localUrl = (url: string): string =>
  url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")

/**
 * What is taken refuses a start before anything is made for it: a new data folder would be left behind. In a folder that is
 * there its lock says more, so it is asked first.
 */
const refuseTaken = (options: ServerOptions) =>
  existsSync(options.dataDir)
    ? Effect.void
    : Effect.zipRight(
        SocketFile.refuseTaken(options.socketPath),
        HttpServer.refuseTaken(options.httpHost, options.httpPort)
      )

/**
 * Runs one server until it is told to stop, then drains it and closes everything in order. Fails with the typed error of
 * whatever could not be opened; nothing is left behind then.
 */
export const run = (runOptions: RunOptions) => Effect.zipRight(serve(runOptions), Console.log("stopped"))

const serve = ({ examples, options, typed }: RunOptions) =>
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
      const stopping = yield* Effect.forkScoped(
        stopSignal({
          on: (signal, handle) => process.on(signal, handle),
          now: () => performance.now(),
          leave,
          exit: (code) => process.exit(code)
        })
      )
      const serving = Effect.gen(function* () {
        yield* refuseTaken(options)
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
        return { context, functions, http, ipc, readiness, restored }
      })
      const started = yield* Effect.raceFirst(
        Effect.asSome(serving),
        Effect.as(Fiber.join(stopping), Option.none())
      )
      if (Option.isNone(started)) return
      const { context, functions, http, ipc, readiness, restored } = started.value
      const scheduler = Context.get(context, Scheduler.Scheduler)
      // Beside the wait for a signal, not before it: the doors are open, and what is in flight has to be drained.
      const welcome = yield* Effect.forkScoped(
        Effect.gen(function* () {
          const deployed = examples ? yield* Effect.either(deployExamples) : null
          // What was said until now stands before the words that are to be found again, not among them.
          yield* Context.get(context, LogPipeline).flushed
          const system = yield* functions.system
          yield* Console.log(banner({ options, typed, restored, deployed, system, url: http.address.url }))
          for (const fault of exampleFaults(deployed, typed, options)) yield* Console.error(fault)
        }).pipe(Effect.provideService(Functions.Functions, functions))
      )

      const signal = yield* Fiber.join(stopping)
      yield* Fiber.interruptFork(welcome)
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
      // Their callers are told so, while the doors are still open (R-1).
      scheduler.abandon()
      yield* Effect.timeoutOption(Fiber.join(drain), LAST_ANSWERS)
    })
  )

const memoryWords = ({ by, cgroup_version }: SystemView["memory_limits"][string]): string =>
  by === "cgroup" ? `control groups (v${cgroup_version})` : by === "engine" ? "its engine" : by

/** What functions can run on, and what holds them to their memory; what is missing has its cause. */
const runtimeLines = ({ memory_limits, runtimes }: SystemView): ReadonlyArray<string> => {
  const all = Object.entries(runtimes)
  const available = all.filter(([, one]) => one.available).map(([name]) => name)
  return [
    `  runtimes ${available.join(", ")}`,
    ...all.flatMap(([name, { reason }]) =>
      reason === undefined ? [] : [`           not ${name}: ${reason}`]
    ),
    `  memory   ${Object.entries(memory_limits)
      .map(([name, limit]) => `${name} by ${memoryWords(limit)}`)
      .join(", ")}`,
    ...Object.values(memory_limits).flatMap(({ reason }) =>
      reason === undefined ? [] : [`           not by control groups: ${reason}`]
    )
  ]
}

/** Null where no examples were asked for. */
type DeployedExamples = Either.Either<ReadonlyArray<ExampleResult>, Error> | null

/** Which examples do not serve as their files are now, and why: a line each. */
const exampleFaults = (
  deployed: DeployedExamples,
  typed: RunOptions["typed"],
  options: ServerOptions
): ReadonlyArray<string> => {
  if (deployed === null) return []
  if (Either.isLeft(deployed)) return [`the examples were not deployed: ${deployed.left.message}`]
  return deployed.right.flatMap((one) => {
    if (one._tag === "failed") return [`the example ${one.name} was not deployed: ${one.reason}`]
    if (one._tag === "deployed" || one.changed === null) return []
    const file = `${typed.examples}/${one.file}`
    return one.changed._tag === "broken"
      ? [`${one.name} serves as it was deployed before; ${file} cannot be built: ${one.changed.reason}`]
      : [
          `${one.name} differs from ${file}; to deploy that: ${typed.command} fn deploy ${one.name} ${file}${socketFlag(options)}`
        ]
  })
}

/** What a line to type needs to find this server. */
const socketFlag = ({ socketPath }: ServerOptions): string =>
  socketPath === defaultOptions().socketPath ? "" : ` --socket ${socketPath}`

/** What the server says once it is open, whole, with lines to type. */
const banner = ({
  deployed,
  options,
  restored,
  system,
  typed,
  url
}: {
  readonly options: ServerOptions
  readonly typed: RunOptions["typed"]
  readonly restored: number
  readonly deployed: DeployedExamples
  readonly system: SystemView
  readonly url: string
}): string => {
  const results = deployed === null ? [] : Either.getOrElse(deployed, () => [])
  const examples = results.filter((one) => one._tag !== "failed")
  const functions = restored + examples.filter(({ _tag }) => _tag === "deployed").length
  const shown = examples.find(({ name }) => name === "hello-world") ?? examples[0]
  return [
    `BunBase Functions ${VERSION} is ready`,
    `  HTTP     ${url}`,
    `  socket   ${options.socketPath}`,
    `  data     ${options.dataDir} (${count(functions, "function")} deployed)`,
    ...runtimeLines(system),
    ...(shown === undefined
      ? functions === 0
        ? [
            "",
            "No function is deployed in this data folder (--data-dir); the default, ./data, lies where the server is started.",
            "Make a function:",
            `  ${typed.command} fn init hello`
          ]
        : []
      : [
          `  examples ${examples.map(({ name }) => name).join(", ")}`,
          "",
          "Call one:",
          `  curl '${localUrl(url)}/functions/${shown.name}?name=Alice'`,
          `Change ${typed.examples}/${shown.file}, then:`,
          `  ${typed.command} fn deploy ${shown.name} ${typed.examples}/${shown.file}${socketFlag(options)}`
        ])
  ].join("\n")
}
