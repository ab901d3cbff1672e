import { Effect, type Scope } from "effect"
import type { ServerOptions } from "../config/ServerConfig.ts"
import type { WorkerId } from "../domain/Ids.ts"
import type { Target } from "../domain/Invocation.ts"
import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import type { LogPipeline } from "../logs/LogPipeline.ts"
import { type LoadPayload, PROTOCOL_FD_VARIABLE } from "../protocol/worker/Wire.ts"
import type { HeldMemory, MemoryEnd, MemoryLimits } from "./memory/MemoryLimits.ts"
import type { FetchRules } from "./HostFetch.ts"
import type { RuntimeCommand } from "./RuntimeCommand.ts"
import { readSideOutput } from "./SideOutput.ts"
import type { WorkerFault } from "./WorkerAnswer.ts"
import { converse, notStarted, type WorkerBody, type workerLog } from "./WorkerConversation.ts"
import { discardWorkerFolder, makeWorkerFolder } from "./WorkerFolder.ts"
import type { StartFailure, Worker, WorkerStartFailed } from "./WorkerSpawner.ts"

type Child = Bun.Subprocess<"ignore", "pipe", "pipe">

/** A worker in a process of its own. */
export interface SpawnedBody extends WorkerBody {
  readonly child: Child
  /** Its working directory, HOME and TMPDIR. */
  readonly folder: string
}

export interface WorkerProcessOptions {
  readonly server: Pick<ServerOptions, "dataDir" | "startupTimeout" | "killGrace">
  readonly log: LogPipeline["Type"]["log"]
  readonly clock: MonotonicClock["Type"]
  /** Prefix of every command that makes the kernel end the worker with its host; empty where there is none. */
  readonly parentDeathPrefix: ReadonlyArray<string>
  /** What the worker may have its host fetch. */
  readonly fetch?: FetchRules
  /** What holds the process to its memory; without it nothing does, or its own program. */
  readonly memory?: MemoryLimits["Type"]
}

/** `setpriv` (util-linux) has the kernel kill the worker when the server dies, even in a loop that never reads. */
export const findParentDeathPrefix = (): ReadonlyArray<string> => {
  const setpriv = Bun.which("setpriv")
  if (setpriv === null) return []
  const prefix = [setpriv, "--pdeathsig", "KILL", "--"]
  // Others of that name (BusyBox's) do not know the flag; with them no worker would ever start.
  return Bun.spawnSync([...prefix, "true"], { stdio: ["ignore", "ignore", "ignore"] }).success ? prefix : []
}

// The shell hands the one descriptor to a worker that knows only stdin and stdout, and is gone.
const asStdio = (command: ReadonlyArray<string>): ReadonlyArray<string> => [
  "/bin/sh",
  "-c",
  'exec "$@" <&3 >&3 3>&-',
  "worker",
  ...command
]

/** What every worker sees, whatever it runs. */
const commonEnvironment = (folder: string): Record<string, string> => ({
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: folder,
  TMPDIR: folder,
  LANG: "C.UTF-8",
  TZ: process.env["TZ"] ?? "UTC",
  NODE_ENV: "production"
})

/** What a function sees: a small documented set and its own variables; nothing of the server's. */
export const functionEnvironment = (target: Target, folder: string): Record<string, string> => ({
  ...commonEnvironment(folder),
  BUNBASE_RUNTIME: target.runtime,
  BUNBASE_FUNCTION: target.name,
  BUNBASE_VERSION: target.version,
  ...target.env
})

/** The settings of the worker's program, which it hides from the function. */
const hiddenEnvironment = (): Record<string, string> => ({
  [PROTOCOL_FD_VARIABLE]: "3",
  BUNBASE_HOST_PID: String(process.pid),
  // Bun would keep a cache of transpiled files in HOME.
  BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0"
})

/** The environment of a worker's process. */
export const workerEnvironment = (target: Target, folder: string): Record<string, string> => ({
  ...functionEnvironment(target, folder),
  ...hiddenEnvironment()
})

/** The environment of a process that is of no function yet. */
export const spareEnvironment = (folder: string): Record<string, string> => ({
  ...commonEnvironment(folder),
  ...hiddenEnvironment()
})

interface Start {
  readonly command: ReadonlyArray<string>
  readonly transport: RuntimeCommand["transport"]
  /** Of its folder, below those of all workers. */
  readonly name: string
  readonly environment: (folder: string) => Record<string, string>
  readonly load: LoadPayload | null
  readonly memoryExitCode: number | undefined
}

/** Starts a process in a folder and a group of its own. Throws what the system says, with nothing left behind. */
export const startProcess = (
  { command, environment, load, memoryExitCode, name, transport }: Start,
  options: Pick<WorkerProcessOptions, "parentDeathPrefix" | "server" | "memory" | "log">
): SpawnedBody => {
  const folder = makeWorkerFolder(options.server.dataDir, `${process.pid}-${name}`)
  try {
    const child = Bun.spawn({
      cmd: [...options.parentDeathPrefix, ...(transport === "stdio" ? asStdio(command) : command)],
      cwd: folder,
      env: environment(folder),
      // A session and a process group of its own: one signal reaches whatever the function started.
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "socket-fd"]
    })
    // At once: what it has before it is held does not count in the same way.
    const memory = options.memory?.hold({
      pid: child.pid,
      name,
      kill: () => signalGroup(child, "SIGKILL"),
      isGone: () => isGone(child),
      say: (message) => options.log({ at: Date.now(), level: "warn", message: `worker ${name} ${message}` })
    })
    return spawnedBody({ child, folder, load, memoryExitCode, memory: memory ?? null })
  } catch (cause) {
    discardWorkerFolder(folder)
    throw cause
  }
}

/** Starts the process of a worker for its target. */
export const start = (
  runtime: RuntimeCommand,
  target: Target,
  id: WorkerId,
  options: WorkerProcessOptions
): Effect.Effect<SpawnedBody, WorkerStartFailed> =>
  Effect.try({
    try: () =>
      startProcess(
        {
          command: runtime.command(target),
          transport: runtime.transport,
          name: id,
          environment: (folder) => (runtime.environment ?? workerEnvironment)(target, folder),
          load: runtime.load?.(target) ?? null,
          memoryExitCode: runtime.memoryExitCode
        },
        options
      ),
    catch: (cause) => notStarted("the worker process could not be started", cause)
  })

const signalGroup = (child: Child, signal: "SIGTERM" | "SIGKILL"): void => {
  try {
    process.kill(-child.pid, signal)
  } catch {
    // ESRCH: the group is gone, which is what was wanted.
  }
}

const isGone = (child: Child): boolean => child.exitCode !== null || child.signalCode !== null

const describeExit = (
  child: Child,
  memoryExitCode: number | undefined,
  memory: MemoryEnd | null
): WorkerFault => {
  const exit = exitOf(child, memoryExitCode)
  if (memory === null) return exit
  return memory._tag === "Limit"
    ? { ...exit, kind: "memory", reason: `${exit.reason} at its memory limit`, memory: memory.reading }
    : {
        ...exit,
        reason: `${exit.reason}, because the machine, or a group that the server is in, had no memory left`
      }
}

const exitOf = (child: Child, memoryExitCode: number | undefined): WorkerFault =>
  child.signalCode === null
    ? {
        kind: child.exitCode === memoryExitCode ? "memory" : "exit",
        reason: `exited with code ${child.exitCode}`,
        ...(child.exitCode === null ? {} : { exitCode: child.exitCode })
      }
    : { kind: "signal", reason: `was ended by ${child.signalCode}`, signal: String(child.signalCode) }

const spawnedBody = ({
  child,
  folder,
  load,
  memory,
  memoryExitCode
}: {
  readonly child: Child
  readonly folder: string
  readonly load: SpawnedBody["load"]
  readonly memory: HeldMemory | null
  readonly memoryExitCode: number | undefined
}): SpawnedBody => ({
  child,
  folder,
  memory,
  pid: () => child.pid,
  open: (transport, events) => transport.open({ fd: child.stdio[3] as number }, events),
  load,
  booted: () => null,
  hungUp: () => {},
  gone: child.exited.then(() => describeExit(child, memoryExitCode, memory?.end() ?? null)),
  isGone: () => isGone(child),
  signal: (signal) => signalGroup(child, signal),
  discard: () => {
    // What the function started may have outlived it; it shares the group.
    signalGroup(child, "SIGKILL")
    memory?.release()
    discardWorkerFolder(folder)
  }
})

/** What it prints beside the protocol becomes log lines. */
const readOutput =
  (clock: MonotonicClock["Type"]) =>
  ({ child }: SpawnedBody, write: ReturnType<typeof workerLog>): void => {
    const read = (stream: ReadableStream<Uint8Array>, level: "info" | "warn", name: string): void => {
      const line = (text: string): void => write({ level, message: text, metadata: { stream: name } }, null)
      readSideOutput(stream, clock, line).catch((cause: unknown) => line(`cannot be read: ${String(cause)}`))
    }
    read(child.stdout, "info", "stdout")
    read(child.stderr, "warn", "stderr")
  }

/** The worker in a process that is there, or that `acquire` starts, until it was reaped (WP). Resolves when it is ready. */
export const workerIn = <Body extends SpawnedBody>(
  acquire: Effect.Effect<Body, WorkerStartFailed>,
  target: Target,
  id: WorkerId,
  { clock, fetch, log, server }: WorkerProcessOptions
): Effect.Effect<Worker, StartFailure, Scope.Scope> =>
  converse(
    acquire,
    target,
    id,
    {
      killGrace: server.killGrace,
      startupTimeout: server.startupTimeout,
      log,
      clock,
      ...(fetch === undefined ? {} : { fetch })
    },
    readOutput(clock)
  )

/** One worker process from spawn to reaping (WP). Resolves when it is ready; its end belongs to the scope. */
export const spawnWorker = (
  runtime: RuntimeCommand,
  target: Target,
  id: WorkerId,
  options: WorkerProcessOptions
): Effect.Effect<Worker, StartFailure, Scope.Scope> =>
  workerIn(start(runtime, target, id, options), target, id, options)
