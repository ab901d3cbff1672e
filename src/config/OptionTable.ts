import type { Schema } from "effect"
import { LONGEST_INVOCATION_SECONDS } from "../domain/FunctionSpec.ts"
import { LOG_LEVELS } from "../protocol/worker/Wire.ts"
import * as Value from "./OptionValue.ts"
import type { ServerOptions } from "./ServerConfig.ts"

/**
 * Every option of the server, once. The resolver, the CLI's flags, `bunbase config` and the documentation are made from
 * this table. One rule gives an option its three names: `idle_timeout_seconds` in the file is
 * `--idle-timeout-seconds` as a flag and `FUNCTIONS_IDLE_TIMEOUT_SECONDS` in the environment.
 */
export interface ServerOption {
  /** The field of `ServerOptions` that it sets. */
  readonly key: keyof ServerOptions
  /** Its key in the JSON file. */
  readonly name: string
  /** Without the leading dashes. Null: not to be had as a flag. */
  readonly flag: string | null
  readonly env: string
  /**
   * From the value as it stands in the file (text from flags and environment is brought into this form first) to the
   * field's value. That the two types fit is checked where the row is written.
   */
  readonly schema: Schema.Schema.AnyNoContext
  /** Whether its written form is a number or a text. */
  readonly type: "number" | "text"
  /** Relative values count from the working directory or, in the file, from the file's folder. */
  readonly isPath: boolean
  /** Its value is never shown. */
  readonly isSecret: boolean
  readonly unit: string | null
  readonly description: string
  /** A value that works, as it is written. */
  readonly example: string
}

interface Row<Key extends keyof ServerOptions> {
  readonly value: Value.OptionValue<NonNullable<ServerOptions[Key]>>
  readonly description: string
  readonly example: string
  readonly flag?: null
}

const option = <Key extends keyof ServerOptions>(key: Key, name: string, row: Row<Key>): ServerOption => ({
  key,
  name,
  flag: row.flag === null ? null : name.replaceAll("_", "-"),
  env: `FUNCTIONS_${name.toUpperCase()}`,
  schema: row.value.schema,
  type: row.value.type,
  isPath: row.value.isPath ?? false,
  isSecret: row.value.isSecret ?? false,
  unit: row.value.unit ?? null,
  description: row.description,
  example: row.example
})

const KiB = 1024
const MiB = 1024 * KiB

// The worker protocol's line limit is 64 MiB and a body travels in base64: beyond 40 MiB it could not be delivered.
const mostBodyBytes = 40 * MiB

const places = [
  option("dataDir", "data_dir", {
    value: Value.path,
    description: "Folder that holds everything the server keeps. One server per folder.",
    example: "./data"
  }),
  option("socketPath", "socket", {
    value: Value.path,
    description: "Unix socket that clients and the CLI connect to.",
    example: "/tmp/functions.sock"
  }),
  option("httpHost", "http_host", {
    value: Value.host,
    description: "Address that HTTP listens on. Anything but this machine's own loopback needs an API key.",
    example: "127.0.0.1"
  }),
  option("httpPort", "http_port", {
    value: Value.whole(0, 65_535),
    description: "Port that HTTP listens on; 0 takes any free one.",
    example: "8080"
  }),
  option("apiKey", "api_key", {
    // A flag could be read by every user of the machine in the list of processes.
    flag: null,
    value: Value.secret,
    description:
      "Key that management requests over HTTP must show as 'Authorization: Bearer KEY'; functions answer without it. Required off loopback.",
    example: "a-long-random-text"
  }),
  option("logLevel", "log_level", {
    value: Value.choice(LOG_LEVELS),
    description: `Least level of the lines that the server prints: ${LOG_LEVELS.join(", ")}.`,
    example: "info"
  })
]

const workers = [
  option("maxWorkers", "max_workers", {
    value: Value.whole(1, 1000, "workers"),
    description: "Workers of one function that may live at once, unless the function says otherwise.",
    example: "10"
  }),
  option("maxWorkersTotal", "max_workers_total", {
    value: Value.whole(1, 10_000, "workers"),
    description: "Workers of all functions together that may live at once.",
    example: "200"
  }),
  option("maxConcurrentStarts", "max_concurrent_starts", {
    value: Value.whole(1, 1000, "workers"),
    description: "Workers that may be starting at once.",
    example: "8"
  }),
  option("warmWorkers", "warm_workers", {
    value: Value.whole(0, 1000, "workers"),
    description:
      "Workers kept ready per function even when nothing calls, unless the function says otherwise.",
    example: "0"
  }),
  option("concurrency", "concurrency", {
    value: Value.whole(1, 10_000, "invocations"),
    description: "Invocations that one worker may have in flight, unless the function says otherwise.",
    example: "1"
  }),
  option("maxConcurrentExecutions", "max_concurrent_executions", {
    value: Value.whole(1, 10_000, "invocations"),
    description: "Invocations of one function that may run at once, unless the function says otherwise.",
    example: "1000"
  }),
  option("memoryMb", "memory_mb", {
    value: Value.whole(16, 4096, "MiB"),
    description: "Memory of one worker, unless the function says otherwise.",
    example: "256"
  }),
  option("memoryLimitBy", "memory_limit_by", {
    value: Value.choice(["auto", "cgroup", "sampling"]),
    description:
      "What holds workers on bun to their memory: a control group of each (cgroup), a look at each at short intervals (sampling), or groups where they can be made and looks elsewhere (auto).",
    example: "auto"
  }),
  option("idleTimeout", "idle_timeout_seconds", {
    value: Value.seconds(0.05, 86_400),
    description: "A worker beyond the warm ones ends after so long without work.",
    example: "300"
  }),
  option("maxWorkerInvocations", "max_worker_invocations", {
    value: Value.whole(0, 1_000_000_000, "invocations"),
    description:
      "Invocations in a worker's life, after which another one takes its place, unless the function says otherwise; 0: no bound.",
    example: "0"
  }),
  option("maxWorkerAge", "max_worker_age_seconds", {
    value: Value.seconds(0, 2_592_000),
    description:
      "A worker that has been ready for so long is replaced by another one, unless the function says otherwise; 0: never.",
    example: "0"
  }),
  option("startupTimeout", "startup_timeout_seconds", {
    value: Value.seconds(0.1, 300),
    description: "A starting worker must be ready within so long.",
    example: "10"
  }),
  option("executionTimeout", "execution_timeout_seconds", {
    value: Value.seconds(0.05, LONGEST_INVOCATION_SECONDS),
    description: "Time that one invocation may take, waiting included, unless the function says otherwise.",
    example: "30"
  }),
  option("cancelGrace", "cancel_grace_ms", {
    value: Value.milliseconds(0, 10_000),
    description: "Between telling a worker that an invocation is cancelled and killing it.",
    example: "250"
  }),
  option("killGrace", "kill_grace_ms", {
    value: Value.milliseconds(0, 60_000),
    description: "Between SIGTERM and SIGKILL of a worker.",
    example: "2000"
  }),
  option("drainTimeout", "drain_timeout_seconds", {
    value: Value.seconds(0, LONGEST_INVOCATION_SECONDS),
    description: "What invocations under way get to finish in when the server stops.",
    example: "30"
  })
]

const limits = [
  option("maxRequestBytes", "max_request_bytes", {
    value: Value.whole(KiB, mostBodyBytes, "bytes"),
    description: "Largest body of a request.",
    example: "10485760"
  }),
  option("maxResponseBytes", "max_response_bytes", {
    value: Value.whole(KiB, mostBodyBytes, "bytes"),
    description: "Largest body of a function's response.",
    example: "10485760"
  }),
  option("maxBundleBytes", "max_bundle_bytes", {
    value: Value.whole(KiB, 256 * MiB, "bytes"),
    description:
      "Largest bundle that may be deployed; checking one takes some fifty times its size in memory.",
    example: "8388608"
  }),
  option("maxBufferedBytes", "max_buffered_bytes", {
    value: Value.whole(16 * MiB, 64 * 1024 * MiB, "bytes"),
    description:
      "What the bodies of all requests under way may take together; a request that does not fit is told to come back (FN_007).",
    example: "268435456"
  }),
  option("maxQueueLength", "max_queue_length", {
    // Not 0: the invocation that has the first worker started has to wait for it.
    value: Value.whole(1, 1_000_000, "invocations"),
    description: "Invocations of one function that may wait for a worker.",
    example: "1000"
  }),
  option("maxQueueWait", "max_queue_wait_seconds", {
    value: Value.seconds(0, LONGEST_INVOCATION_SECONDS),
    description: "How long an invocation may wait for a worker.",
    example: "30"
  })
]

const files = [
  option("metadataDb", "metadata_db", {
    value: Value.path,
    description: "Database of functions, versions and deployments.",
    example: "./data/metadata.db"
  }),
  option("logsDb", "logs_db", {
    value: Value.path,
    description:
      "Place of a database of logs. Not used by this version, which only makes its folder: logs are files in logs_dir.",
    example: "./data/logs.db"
  }),
  option("metricsDb", "metrics_db", {
    value: Value.path,
    description: "Place of a database of metrics. Not used by this version, which only makes its folder.",
    example: "./data/metrics.db"
  }),
  option("logsDir", "logs_dir", {
    value: Value.path,
    description: "Folder of the daily log files.",
    example: "./data/logs"
  }),
  option("bundlesDir", "bundles_dir", {
    value: Value.path,
    description: "Folder of the deployed bundles.",
    example: "./data/bundles"
  }),
  option("logRetentionDays", "log_retention_days", {
    value: Value.whole(1, 3650, "days"),
    description: "Log files older than this are removed.",
    example: "30"
  })
]

const programs = [
  option("bunSpareWorkers", "bun_spare_workers", {
    value: Value.whole(0, 16, "workers"),
    description:
      "Bun processes kept booted before anybody calls, of no function yet: so many cold starts at once need no boot.",
    example: "1"
  }),
  option("quickjsWorker", "quickjs_worker", {
    value: Value.path,
    description: "Program of QuickJS-NG workers.",
    example: "/usr/lib/bunbase/bunbase-quickjs"
  }),
  option("quickjsForkServer", "quickjs_fork_server", {
    value: Value.choice(["on", "off"]),
    description:
      "Fork QuickJS-NG workers from one process that has engine and library loaded (on), or start each by itself (off).",
    example: "on"
  }),
  option("quickjsSpareWorkers", "quickjs_spare_workers", {
    value: Value.whole(0, 64, "workers"),
    description:
      "QuickJS-NG workers kept forked before anybody calls, of no function yet: so many cold starts at once need no fork.",
    example: "1"
  })
]

/** All options, in the order in which people read them. */
export const serverOptions: ReadonlyArray<ServerOption> = [
  ...places,
  ...workers,
  ...limits,
  ...files,
  ...programs
]

/** Flag and variable that name the configuration file. They are no options: a file cannot name itself. */
export const CONFIG_FLAG = "config"
export const CONFIG_VARIABLE = "FUNCTIONS_CONFIG"
/** Every variable that begins so is ours; one that we do not know is a mistake worth telling. */
export const VARIABLE_PREFIX = "FUNCTIONS_"
