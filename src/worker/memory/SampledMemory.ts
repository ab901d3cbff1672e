import type { MonotonicClock } from "../../domain/MonotonicClock.ts"
import { type HeldMemory, type Holdable, inMb, MiB, type MemoryEnd } from "./MemoryLimits.ts"
import { ProcessTree } from "./ProcessTree.ts"
import { Watch } from "./Watch.ts"

/** Between two looks at a worker that has work, when it is far from its limit. */
export const LONGEST_LOOK_MS = 50
/** The same when it is next to it. */
export const SHORTEST_LOOK_MS = 5
/** How fast one thread can fill memory, at most: what is left divided by this is how soon the limit could be reached. */
const FASTEST_BYTES_PER_MS = 2 * MiB
/** Beyond the limit only together with what it has started, it has to be so twice: memory of a fork may count double. */
const LOOKS_TOGETHER = 2

type Tree = Pick<ProcessTree, "read" | "hasDescendants" | "killDescendants">

/**
 * A worker that is looked at again and again, and killed when it holds more than it may. How far beyond the limit it gets
 * is bounded by the time between two looks, and by how busy the server is; a control group is exact.
 */
export class SampledMemory implements HeldMemory {
  readonly #process: Holdable
  readonly #clock: MonotonicClock["Type"]
  readonly #tree: Tree
  readonly #watch: Watch
  #limitMb: number | null = null
  #usedBytes = 0
  #peakBytes = 0
  #looksOver = 0
  #exceeded = false

  constructor(process: Holdable, clock: MonotonicClock["Type"], tree: Tree = new ProcessTree(process.pid)) {
    this.#process = process
    this.#clock = clock
    this.#tree = tree
    this.#watch = new Watch(clock, SHORTEST_LOOK_MS, () => this.#look())
  }

  limitTo(memoryMb: number): void {
    this.#limitMb = memoryMb
    this.#watch.start()
  }

  occupiedWhile(busy: () => boolean): void {
    this.#watch.occupiedWhile(busy)
  }

  stir(): void {
    this.#watch.stir()
  }

  exceeds(): boolean {
    if (!this.#exceeded) this.#look()
    return this.#exceeded
  }

  end(): MemoryEnd | null {
    if (!this.#exceeded) return null
    const reading = {
      by: "sampling" as const,
      usedMb: inMb(this.#usedBytes),
      peakMb: inMb(this.#peakBytes)
    }
    return { _tag: "Limit", reading }
  }

  release(): void {
    this.#watch.stop()
    this.#tree.killDescendants()
  }

  #look(): number | null {
    if (this.#limitMb === null || this.#process.isGone()) return null
    const used = this.#tree.read(this.#clock.now())
    if (used === null) return null
    this.#usedBytes = used
    if (used > this.#peakBytes) this.#peakBytes = used
    const left = this.#limitMb * MiB - used
    if (left >= 0) {
      this.#looksOver = 0
      return Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, left / FASTEST_BYTES_PER_MS))
    }
    this.#looksOver += 1
    if (this.#tree.hasDescendants && this.#looksOver < LOOKS_TOGETHER) return SHORTEST_LOOK_MS
    this.#exceeded = true
    this.#process.kill()
    this.#tree.killDescendants()
    return null
  }
}
