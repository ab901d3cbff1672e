import { dirname, relative } from "node:path"
import { socketPathTooLong } from "../protocol/socket/SocketPath.ts"
import { isLoopback } from "./OptionValue.ts"
import { causeFileOf } from "./QuickJsProgram.ts"
import { defaultOptions, mostDeployBytes, type ServerOptions } from "./ServerConfig.ts"

/** What must hold between options, each of which is right by itself. */
export interface ConfigRule {
  /** The option that the fault is reported at comes first; the rule is asked only when all of them are right by themselves. */
  readonly fields: readonly [keyof ServerOptions, ...Array<keyof ServerOptions>]
  /** What is wrong and what to do, or null. `show` gives an option's name, value and origin. */
  readonly fault: (
    options: ServerOptions,
    show: (field: keyof ServerOptions) => string,
    kindOf: KindOfPath
  ) => string | null
}

/** What is at a path now; a program is a file that may be run. */
export type KindOfPath = (path: string) => "folder" | "program" | "other" | "nothing" | "unknown"

const notAbove = (low: WorkerLimit, high: WorkerLimit): ConfigRule => ({
  fields: [low, high],
  fault: (options, show) =>
    options[low] <= options[high] ? null : `must not be above ${show(high)}; lower the one or raise the other`
})

type WorkerLimit = "warmWorkers" | "maxWorkers" | "maxWorkersTotal"
type PathKey = "dataDir" | "socketPath" | "metadataDb" | "logsDb" | "metricsDb" | "logsDir" | "bundlesDir"

const apart = (one: PathKey, other: PathKey): ConfigRule => ({
  fields: [one, other],
  fault: (options, show) =>
    options[one] === options[other] ? `must not be the same as ${show(other)}; choose another path` : null
})

// What lies in these folders is swept by the server: log files by age, leftovers of deployments at start.
const outside = (one: PathKey, folder: "logsDir" | "bundlesDir"): ConfigRule => ({
  fields: [one, folder],
  fault: (options, show) =>
    options[one] === options[folder] || isInside(options[one], options[folder])
      ? `must not lie in ${show(folder)}, which the server clears up; choose another path`
      : null
})

const isInside = (path: string, folder: string) => {
  const way = relative(folder, path)
  return way !== "" && way !== ".." && !way.startsWith("../")
}

export const configRules: ReadonlyArray<ConfigRule> = [
  notAbove("warmWorkers", "maxWorkers"),
  notAbove("maxWorkers", "maxWorkersTotal"),
  {
    fields: ["httpHost", "apiKey"],
    fault: (options) =>
      options.apiKey !== undefined || isLoopback(options.httpHost)
        ? null
        : "other machines could reach this address without a key; set FUNCTIONS_API_KEY, or listen on 127.0.0.1"
  },
  {
    fields: ["socketPath"],
    fault: ({ socketPath }) => {
      const tooLong = socketPathTooLong(socketPath)
      return tooLong === null ? null : `${tooLong}; choose a shorter one`
    }
  },
  {
    fields: ["socketPath", "dataDir"],
    // Made for a mistyped path, a folder would hide the mistake. Those in the data folder are the server's own.
    fault: ({ dataDir, socketPath }, _, kindOf) => {
      const folder = dirname(socketPath)
      if (isInside(socketPath, dataDir)) return null
      switch (kindOf(folder)) {
        case "folder":
        case "unknown":
          return null
        case "nothing":
          return `there is no folder ${folder}; correct the path, or make the folder first`
        case "program":
        case "other":
          return `${folder} is not a folder; correct the path`
      }
    }
  },
  {
    fields: ["quickjsWorker"],
    // The one that set-up builds may be missing, and so may a build of its own that has left the cause beside it: the server
    // tells the cause then, and runs with Bun alone. Any other path was meant.
    fault: ({ quickjsWorker }, _, kindOf) => {
      if (quickjsWorker === defaultOptions().quickjsWorker) return null
      switch (kindOf(quickjsWorker)) {
        case "program":
        case "unknown":
          return null
        case "nothing":
          return kindOf(causeFileOf(quickjsWorker)) === "nothing"
            ? "there is no such file; correct the path, or leave the option out to take the one that set-up has built"
            : null
        case "folder":
        case "other":
          return "this is not a program that can be run; correct the path, or leave the option out to take the one that set-up has built"
      }
    }
  },
  {
    fields: ["maxBufferedBytes", "maxRequestBytes"],
    fault: ({ maxBufferedBytes, maxRequestBytes }, show) =>
      maxRequestBytes <= maxBufferedBytes
        ? null
        : `a body of ${show("maxRequestBytes")} would never fit; raise the one or lower the other`
  },
  {
    fields: ["maxBufferedBytes", "maxBundleBytes"],
    fault: ({ maxBufferedBytes, maxBundleBytes }, show) =>
      mostDeployBytes(maxBundleBytes) <= maxBufferedBytes
        ? null
        : `a deployment may take ${mostDeployBytes(maxBundleBytes)} bytes with ${show("maxBundleBytes")}, and would never fit; raise the one or lower the other`
  },
  apart("metadataDb", "logsDb"),
  apart("metadataDb", "metricsDb"),
  apart("logsDb", "metricsDb"),
  apart("socketPath", "metadataDb"),
  apart("socketPath", "logsDb"),
  apart("socketPath", "metricsDb"),
  apart("socketPath", "dataDir"),
  outside("bundlesDir", "logsDir"),
  outside("logsDir", "bundlesDir"),
  outside("dataDir", "logsDir"),
  outside("dataDir", "bundlesDir"),
  ...(["metadataDb", "logsDb", "metricsDb", "socketPath"] as const).flatMap((path) => [
    outside(path, "logsDir"),
    outside(path, "bundlesDir")
  ])
]
