import { Context } from "effect"
import type { MemoryLimitInForce, MemoryReading } from "../../domain/MemoryReading.ts"

/** A process whose memory is to be held to a limit, together with whatever it starts. */
export interface Holdable {
  readonly pid: number
  /** Of its group; nobody else's on this server. */
  readonly name: string
  /** Kills it, and the process group that it leads. */
  readonly kill: () => void
  /** It was reaped: its process id may be another's. */
  readonly isGone: () => boolean
  /** A line about it in the log: what is otherwise than it should be. */
  readonly say: (message: string) => void
}

/** What a process's memory had to do with its end. */
export type MemoryEnd =
  | { readonly _tag: "Limit"; readonly reading: MemoryReading }
  /** The kernel killed it because others needed the memory: the machine, or a group that the server itself is in. */
  | { readonly _tag: "Machine" }

/** One process that is held to a limit, or will be. */
export interface HeldMemory {
  /** Holds it to so many MiB from now on; until then its memory is its own affair. */
  readonly limitTo: (memoryMb: number) => void
  /** Tells whether it has something to do: then it is looked at often, else seldom. Without this it always has. */
  readonly occupiedWhile: (busy: () => boolean) => void
  /** It got something to do. The invocation path calls this. */
  readonly stir: () => void
  /** One look at it now: true where it has more than it may have, and is ended for it. */
  readonly exceeds: () => boolean
  /** Asked once it has ended, and before `release`; null: its memory had nothing to do with it. */
  readonly end: () => MemoryEnd | null
  /** Ends whatever it has started and is still there, as far as that is known, and gives back what was taken. */
  readonly release: () => void
}

/**
 * Holds worker processes to their `memory_mb` (FN_003).
 *
 * What counts is what a worker and everything that it has started hold for themselves: anonymous memory, shared memory,
 * what was swapped out; in a control group also the kernel's memory and the files' that they have written and not
 * synced. The pages of program files do not count: all workers share them. So an empty worker on Bun takes some 6 MiB.
 */
export class MemoryLimits extends Context.Tag("MemoryLimits")<
  MemoryLimits,
  {
    readonly inForce: MemoryLimitInForce
    /** To be called as soon as the process is there, before it has loaded anything of a user's. */
    readonly hold: (process: Holdable) => HeldMemory
  }
>() {}

export const MiB = 1024 * 1024

/** In MiB, with one decimal: what people read. */
export const inMb = (bytes: number): number => Math.round((bytes / MiB) * 10) / 10
