import type { MonotonicClock } from "../../domain/MonotonicClock.ts"
import { errnoOf } from "./GroupFiles.ts"
import { type HeldMemory, type Holdable, inMb, type MemoryEnd, MiB } from "./MemoryLimits.ts"
import { ProcessTree } from "./ProcessTree.ts"
import { SampledMemory } from "./SampledMemory.ts"
import { killMembers, removeGroup, type ServerGroup, writeLimit } from "./ServerGroup.ts"
import { Watch } from "./Watch.ts"

/** Where the kernel ends one process of a group only, whether it has done so is asked this often. */
export const KILLS_LOOK_MS = 100
/** A limit below which nothing can be said to run. */
const LEAST_BYTES = MiB

/**
 * A worker in a control group of its own. It is put there while it boots, which takes no time of the server's; what it had
 * by then is not the group's, and is taken off the limit instead, so that both together are what the function may have.
 * Where it cannot be put there, it is looked at instead.
 */
export class GroupedMemory implements HeldMemory {
  readonly #process: Holdable
  readonly #server: ServerGroup
  readonly #clock: MonotonicClock["Type"]
  readonly #group: string
  readonly #has: () => number
  readonly #watch: Watch
  /** False once it is known that there will be no group. */
  readonly #admitted: Promise<boolean>
  #inGroup = false
  /** Its group has its limit. */
  #limited = false
  #sampled: SampledMemory | null = null
  #busy: (() => boolean) | null = null
  #limitMb: number | null = null
  #limitBytes = 0
  /** What it had before it was put in. */
  #beforeBytes = 0
  /** What it was seen to have beyond its limit, before that was set. */
  #seenBytes = 0
  /** It was ended by us, at its limit. */
  #exceeded = false

  /** `has`: what it and all that it has started hold for themselves, in bytes. */
  constructor(
    process: Holdable,
    server: ServerGroup,
    clock: MonotonicClock["Type"],
    has: () => number = () => new ProcessTree(process.pid).read(clock.now()) ?? 0
  ) {
    this.#process = process
    this.#has = has
    this.#server = server
    this.#clock = clock
    this.#group = server.of(process.name)
    this.#watch = new Watch(clock, KILLS_LOOK_MS, () => this.#look())
    this.#admitted = this.#admit()
  }

  limitTo(memoryMb: number): void {
    this.#limitMb = memoryMb
    void this.#admitted.then((inGroup) =>
      inGroup ? this.#limit(memoryMb) : this.#sampled?.limitTo(memoryMb)
    )
  }

  occupiedWhile(busy: () => boolean): void {
    this.#busy = busy
    this.#watch.occupiedWhile(busy)
    this.#sampled?.occupiedWhile(busy)
  }

  stir(): void {
    if (this.#sampled === null) this.#watch.stir()
    else this.#sampled.stir()
  }

  exceeds(): boolean {
    if (this.#sampled !== null) return this.#sampled.exceeds()
    // From then on it is the kernel that looks.
    if (this.#limited || this.#limitMb === null || this.#exceeded) return this.#exceeded
    const has = this.#has()
    if (has > this.#limitMb * MiB) {
      this.#seenBytes = has
      this.#exceed()
    }
    return this.#exceeded
  }

  end(): MemoryEnd | null {
    if (this.#sampled !== null) return this.#sampled.end()
    if (!this.#inGroup && !this.#exceeded) return null
    const { atLimit, killed } = this.#kills()
    if (killed === 0 && !this.#exceeded) return null
    if (!atLimit && !this.#exceeded) return { _tag: "Machine" }
    const peakMb = inMb(Math.max(this.#seenBytes, this.#beforeBytes + this.#peakBytes()))
    return { _tag: "Limit", reading: { by: "cgroup", usedMb: peakMb, peakMb } }
  }

  release(): void {
    this.#watch.stop()
    this.#sampled?.release()
    // What cannot be removed now is at the server's end, or at the next start.
    void this.#admitted.then((inGroup) =>
      inGroup ? removeGroup(this.#server.machine, this.#group) : undefined
    )
  }

  async #admit(): Promise<boolean> {
    const { files } = this.#server.machine
    const { dialect, killsWhole } = this.#server
    const { pid } = this.#process
    if (this.#process.isGone()) return false
    let made = false
    try {
      await files.make(this.#group)
      made = true
      if (killsWhole && dialect.killWhole !== null)
        await files.write(`${this.#group}/${dialect.killWhole.file}`, dialect.killWhole.text)
      if (this.#process.isGone()) throw new Error("it has ended")
      await files.write(`${this.#group}/cgroup.procs`, String(pid))
      // Read together, because both go on changing.
      const has = this.#has()
      const charged = Number(files.readNow(`${this.#group}/${dialect.usage}`))
      this.#beforeBytes = Math.max(0, has - charged)
      this.#inGroup = true
      return true
    } catch (cause) {
      if (made) void removeGroup(this.#server.machine, this.#group)
      // ESRCH: it has ended, and nobody has heard of it yet.
      if (this.#process.isGone() || errnoOf(cause) === "ESRCH") return false
      const reason = cause instanceof Error ? cause.message : String(cause)
      this.#process.say(`could not be put into a control group, and is looked at instead: ${reason}`)
      const sampled = new SampledMemory(this.#process, this.#clock)
      if (this.#busy !== null) sampled.occupiedWhile(this.#busy)
      this.#sampled = sampled
      return false
    }
  }

  async #limit(memoryMb: number): Promise<void> {
    const { dialect, killsWhole, machine } = this.#server
    this.#limitBytes = Math.max(LEAST_BYTES, memoryMb * MiB - this.#beforeBytes)
    try {
      await writeLimit(machine.files, dialect, this.#group, this.#limitBytes)
      this.#limited = true
      if (!killsWhole && !this.#process.isGone()) this.#watch.start()
    } catch (cause) {
      if (this.#process.isGone()) return
      if (errnoOf(cause) === "EBUSY") return this.#exceed()
      const reason = cause instanceof Error ? cause.message : String(cause)
      this.#process.say(`could not be held to its memory by its control group: ${reason}`)
      const sampled = new SampledMemory(this.#process, this.#clock)
      if (this.#busy !== null) sampled.occupiedWhile(this.#busy)
      this.#sampled = sampled
      sampled.limitTo(memoryMb)
    }
  }

  /** Version 1 ends the process that has most, and leaves the others: the worker may go on, without what it had started. */
  #look(): number | null {
    if (this.#process.isGone()) return null
    const { atLimit, killed } = this.#kills()
    if (killed === 0 || !atLimit) return KILLS_LOOK_MS
    this.#exceed()
    return null
  }

  #exceed(): void {
    this.#exceeded = true
    this.#process.kill()
    void killMembers(this.#server.machine, this.#group)
  }

  #kills() {
    const { dialect } = this.#server
    return dialect.kills(
      dialect.counters.map((file) => this.#now(file) ?? ""),
      this.#limitMb === null ? Number.POSITIVE_INFINITY : this.#limitBytes
    )
  }

  #peakBytes(): number {
    const peak = Number(this.#now(this.#server.dialect.peak) ?? Number.NaN)
    // Kernels before 5.19 keep no peak in version 2; what was killed at its limit has been there.
    return Number.isFinite(peak) && peak > 0 ? peak : this.#limitBytes
  }

  #now(file: string): string | null {
    try {
      return this.#server.machine.files.readNow(`${this.#group}/${file}`)
    } catch {
      return null
    }
  }
}
