import { Context, Duration, type Redacted } from "effect"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { LogLevel } from "../protocol/worker/Wire.ts"

/**
 * Everything about one server that can be set, checked and ready for use: paths are absolute, spans are `Duration`s,
 * sizes are bytes. Made once at start by `resolveConfig`; nothing reads the environment after that.
 */
export interface ServerOptions {
  /** The folder that holds everything the server keeps. One server per folder. */
  readonly dataDir: string
  /** The unix socket (at most 107 bytes: the kernel's limit for its address). */
  readonly socketPath: string
  readonly httpHost: string
  /** 0 takes any free port. */
  readonly httpPort: number
  readonly logLevel: LogLevel

  /** Workers of one function that may live at once, unless the function says otherwise. */
  readonly maxWorkers: number
  /** Workers of all functions together that may live at once. */
  readonly maxWorkersTotal: number
  /** Workers that may be starting at once: a start costs CPU that running invocations need. */
  readonly maxConcurrentStarts: number
  /** Workers kept ready per function, unless the function says otherwise. */
  readonly warmWorkers: number
  /** Invocations that one worker may have in flight, unless the function says otherwise. */
  readonly concurrency: number
  /** Invocations of one function that may run at once, unless the function says otherwise. */
  readonly maxConcurrentExecutions: number
  /** A worker beyond the warm ones ends after so long without work. */
  readonly idleTimeout: Duration.Duration
  /** Invocations in a worker's life, unless the function says otherwise; 0: no bound. */
  readonly maxWorkerInvocations: number
  /** A worker that has been ready for so long is replaced, unless the function says otherwise; 0: never. */
  readonly maxWorkerAge: Duration.Duration
  /** From the spawn of a worker until it must be ready. */
  readonly startupTimeout: Duration.Duration
  /** Wall time of one invocation, queueing included, unless the function says otherwise. At most 15 minutes. */
  readonly executionTimeout: Duration.Duration
  /** Memory of one worker in MiB, unless the function says otherwise. */
  readonly memoryMb: number
  /** What holds Bun workers to it: control groups, or a look at each at short intervals. `auto`: groups where they can be had. */
  readonly memoryLimitBy: "auto" | "cgroup" | "sampling"

  /** So many Bun processes are booted before they are wanted. */
  readonly bunSpareWorkers: number
  /** The program of QuickJS-NG workers. Where there is none, the server runs with Bun alone. */
  readonly quickjsWorker: string
  /** `off`: each QuickJS-NG worker is a process started for it alone, instead of forked. */
  readonly quickjsForkServer: "on" | "off"
  /** So many QuickJS-NG workers are forked before they are wanted. */
  readonly quickjsSpareWorkers: number

  readonly metadataDb: string
  readonly logsDb: string
  readonly metricsDb: string
  readonly logsDir: string
  readonly bundlesDir: string
  /** Log files older than so many days are removed. */
  readonly logRetentionDays: number

  readonly maxRequestBytes: number
  readonly maxResponseBytes: number
  readonly maxBundleBytes: number
  /** What the bodies of all requests under way may take together, over HTTP and the socket. */
  readonly maxBufferedBytes: number
  /** Invocations of one function that may wait for a worker. */
  readonly maxQueueLength: number
  /** How long one may wait there. */
  readonly maxQueueWait: Duration.Duration

  /** What invocations under way get to finish in at shutdown. */
  readonly drainTimeout: Duration.Duration
  /** Between telling a worker that an invocation is cancelled and killing it. */
  readonly cancelGrace: Duration.Duration
  /** Between SIGTERM and SIGKILL of a worker. */
  readonly killGrace: Duration.Duration

  /**
   * What the management API over HTTP must be shown as `Authorization: Bearer`. Required off loopback; never printed.
   * Functions answer without it: whether a caller is welcome is theirs to say.
   */
  readonly apiKey?: Redacted.Redacted<string>
}

export class ServerConfig extends Context.Tag("ServerConfig")<ServerConfig, ServerOptions>() {}

/** The files and folders that lie inside the data folder unless they are set one by one. */
export const pathsInside = (dataDir: string) => ({
  metadataDb: resolve(dataDir, "metadata.db"),
  logsDb: resolve(dataDir, "logs.db"),
  metricsDb: resolve(dataDir, "metrics.db"),
  logsDir: resolve(dataDir, "logs"),
  bundlesDir: resolve(dataDir, "bundles")
})

const MiB = 1024 * 1024

/** Where this installation's build puts it. */
const builtQuickJs = fileURLToPath(
  new URL("../../native/quickjs-ng/build/release/bunbase-quickjs", import.meta.url)
)

/** The largest body of a deployment: the bundle with its escapes, the source map, the parts of a form. */
export const mostDeployBytes = (maxBundleBytes: number): number => 2 * maxBundleBytes + MiB

/** The defaults, for a data folder (default `./data`, as the documents have it). */
export const defaultOptions = (dataDir = "data"): ServerOptions => ({
  dataDir: resolve(dataDir),
  socketPath: "/tmp/functions.sock",
  httpHost: "127.0.0.1",
  httpPort: 8080,
  logLevel: "info",
  maxWorkers: 10,
  maxWorkersTotal: 200,
  maxConcurrentStarts: 8,
  warmWorkers: 0,
  concurrency: 1,
  maxConcurrentExecutions: 1000,
  idleTimeout: Duration.minutes(5),
  maxWorkerInvocations: 0,
  maxWorkerAge: Duration.zero,
  startupTimeout: Duration.seconds(10),
  executionTimeout: Duration.seconds(30),
  memoryMb: 256,
  memoryLimitBy: "auto",
  bunSpareWorkers: 1,
  quickjsWorker: builtQuickJs,
  quickjsForkServer: "on",
  quickjsSpareWorkers: 1,
  ...pathsInside(dataDir),
  logRetentionDays: 30,
  maxRequestBytes: 10 * MiB,
  maxResponseBytes: 10 * MiB,
  maxBundleBytes: 8 * MiB,
  maxBufferedBytes: 256 * MiB,
  maxQueueLength: 1000,
  maxQueueWait: Duration.seconds(30),
  drainTimeout: Duration.seconds(30),
  cancelGrace: Duration.millis(250),
  killGrace: Duration.seconds(2)
})
