import { Effect, Layer, type Scope } from "effect"
import { readFileSync, readlinkSync } from "node:fs"
import { ConfigInvalid } from "../../config/ConfigInvalid.ts"
import { ServerConfig, type ServerOptions } from "../../config/ServerConfig.ts"
import { MonotonicClock } from "../../domain/MonotonicClock.ts"
import { GroupedMemory } from "./GroupedMemory.ts"
import { kernelGroupFiles, oneAtATime } from "./GroupFiles.ts"
import { groupPlaces, type SelfFiles } from "./GroupPlace.ts"
import { MemoryLimits } from "./MemoryLimits.ts"
import { SampledMemory } from "./SampledMemory.ts"
import { type GroupMachine, ServerGroup } from "./ServerGroup.ts"

/** When a process was started, in the kernel's ticks; null where there is none. */
const startOf = (pid: number): string | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The command in parentheses may contain anything; the 20th field after it is field 22.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null
  } catch {
    return null
  }
}

/** Waits for longer than any trial takes, and is killed before. */
const PROBE = "setTimeout(() => {}, 60_000)"

/** This machine, as groups need it. Throws where there is no `/proc`. */
const thisMachine = (): GroupMachine => ({
  files: oneAtATime(kernelGroupFiles),
  self: {
    pid: process.pid,
    started: startOf(process.pid) ?? "0",
    pidNamespace: /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0"
  },
  isAlive: (pid, started) => startOf(pid) === started,
  kill: (pid) => {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // ESRCH: it is gone, which is what was wanted.
    }
  },
  // Not by the clock, whose timers keep no process alive: at the start there may be nothing else that does.
  wait: (ms) => Bun.sleep(ms),
  startProbe: () => {
    const child = Bun.spawn({
      cmd: [process.execPath, "--no-env-file", "--no-install", "--config=/dev/null", "-e", PROBE],
      env: {},
      stdio: ["ignore", "ignore", "ignore"]
    })
    return {
      pid: child.pid,
      end: async () => {
        child.kill("SIGKILL")
        await child.exited
      }
    }
  }
})

const selfFiles = (): SelfFiles => ({
  cgroup: readFileSync("/proc/self/cgroup", "utf8"),
  mountinfo: readFileSync("/proc/self/mountinfo", "utf8")
})

/** The first group that can be had, or why there is none. */
export const openGroup = async (
  self: () => SelfFiles,
  machine: () => GroupMachine
): Promise<ServerGroup | string> => {
  const reasons: Array<string> = []
  try {
    for (const place of groupPlaces(self())) {
      try {
        return await ServerGroup.open(place, machine())
      } catch (cause) {
        reasons.push(`cgroup v${place.version} at ${cause instanceof Error ? cause.message : String(cause)}`)
      }
    }
  } catch (cause) {
    reasons.push(cause instanceof Error ? cause.message : String(cause))
  }
  return reasons.length === 0 ? "no memory controller of control groups is mounted" : reasons.join("; ")
}

/** What `cgroup` was asked for in vain with: exit code 2, as with every configuration that cannot be. */
const refused = (reason: string): ConfigInvalid =>
  new ConfigInvalid({
    violations: [
      {
        field: "memory_limit_by",
        value: "cgroup",
        origin: { source: "default" },
        message: `no control group can be made here (${reason}); use auto or sampling`
      }
    ]
  })

/** The limits as they are wanted and can be had; the groups end with the scope, whatever runs in them. */
export const chooseMemoryLimits = (
  wanted: ServerOptions["memoryLimitBy"],
  clock: MonotonicClock["Type"],
  open: () => Promise<ServerGroup | string> = () => openGroup(selfFiles, thisMachine)
): Effect.Effect<MemoryLimits["Type"], ConfigInvalid, Scope.Scope> =>
  Effect.gen(function* () {
    const group =
      wanted === "sampling"
        ? null
        : yield* Effect.acquireRelease(Effect.promise(open), (opened) =>
            typeof opened === "string" ? Effect.void : Effect.promise(() => opened.close())
          )
    if (group === null || typeof group === "string") {
      if (wanted === "cgroup") return yield* refused(group ?? "")
      return {
        inForce: { by: "sampling" as const, reason: group },
        hold: (held) => new SampledMemory(held, clock)
      }
    }
    return {
      inForce: { by: "cgroup" as const, version: group.dialect.version },
      hold: (held) => new GroupedMemory(held, group, clock)
    }
  })

/** What is in force is found out here, once, by trying. */
export const layer: Layer.Layer<MemoryLimits, ConfigInvalid, ServerConfig | MonotonicClock> = Layer.scoped(
  MemoryLimits,
  Effect.gen(function* () {
    const { memoryLimitBy } = yield* ServerConfig
    return yield* chooseMemoryLimits(memoryLimitBy, yield* MonotonicClock)
  })
)
