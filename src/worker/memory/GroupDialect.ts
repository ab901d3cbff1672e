import { MiB } from "./MemoryLimits.ts"

/** What a group's counters say about processes that were killed in it. */
export interface GroupKills {
  /** Processes of it that the kernel killed for want of memory, whoever wanted it. */
  readonly killed: number
  /** It was at its own limit. */
  readonly atLimit: boolean
}

/** How the two versions of control groups put the same thing. Names of files are within a group's folder. */
export interface GroupDialect {
  readonly version: 1 | 2
  /** Has the group end as a whole when it is out of memory; null where the kernel picks one process of it. */
  readonly killWhole: { readonly file: string; readonly text: string } | null
  /** What is written in this order to hold a group to so many bytes, swap included; without it, where it is missing. */
  readonly limit: (bytes: number) => ReadonlyArray<{
    readonly file: string
    readonly text: string
    readonly optional: boolean
  }>
  readonly usage: string
  readonly peak: string
  /** The files that `kills` reads, in its order; what cannot be read is empty. */
  readonly counters: ReadonlyArray<string>
  readonly kills: (texts: ReadonlyArray<string>, limitBytes: number) => GroupKills
}

const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0)

/** The kernel counts in batches: next to the limit is at it. */
const NEAR_BYTES = MiB

const version1: GroupDialect = {
  version: 1,
  killWhole: null,
  limit: (bytes) => [
    { file: "memory.limit_in_bytes", text: String(bytes), optional: false },
    // Memory and swap together. The file is there where the kernel accounts for swap.
    { file: "memory.memsw.limit_in_bytes", text: String(bytes), optional: true }
  ],
  usage: "memory.usage_in_bytes",
  peak: "memory.max_usage_in_bytes",
  counters: ["memory.oom_control", "memory.max_usage_in_bytes"],
  kills: ([oom = "", peak = ""], limitBytes) => ({
    killed: field(oom, "oom_kill"),
    atLimit: Number(peak) >= limitBytes - NEAR_BYTES
  })
}

const version2: GroupDialect = {
  version: 2,
  killWhole: { file: "memory.oom.group", text: "1" },
  limit: (bytes) => [
    { file: "memory.swap.max", text: "0", optional: true },
    { file: "memory.max", text: String(bytes), optional: false }
  ],
  usage: "memory.current",
  peak: "memory.peak",
  counters: ["memory.events"],
  kills: ([events = ""]) => ({ killed: field(events, "oom_kill"), atLimit: field(events, "oom") > 0 })
}

export const dialectOf = (version: 1 | 2): GroupDialect => (version === 1 ? version1 : version2)
