import type { MonotonicClock } from "../../domain/MonotonicClock.ts"

/** How often a worker without work is looked at: timers of a function go on after its answer. */
export const IDLE_LOOK_MS = 1_000

/** Looks at one worker again and again: often while it has work, seldom while it has none. */
export class Watch {
  readonly #clock: MonotonicClock["Type"]
  readonly #look: () => number | null
  #busy: () => boolean = () => true
  #stirred = false
  #nextMs: number
  #armed: "often" | "seldom" | null = null
  #disarm = (): void => {}
  #stopped = false

  /** `look` gives in how many milliseconds to look again while there is work; null: never again. */
  constructor(clock: MonotonicClock["Type"], firstMs: number, look: () => number | null) {
    this.#clock = clock
    this.#nextMs = firstMs
    this.#look = look
  }

  start(): void {
    if (this.#armed === null && !this.#stopped) this.#arm("often", this.#nextMs)
  }

  occupiedWhile(busy: () => boolean): void {
    this.#busy = busy
  }

  /** It got work. What is short and comes often is looked at as often as what is long. */
  stir(): void {
    this.#stirred = true
    if (this.#armed !== "seldom") return
    this.#disarm()
    this.#arm("often", this.#nextMs)
  }

  stop(): void {
    this.#stopped = true
    this.#disarm()
    this.#armed = null
  }

  #arm(how: "often" | "seldom", delayMs: number): void {
    this.#armed = how
    this.#disarm = this.#clock.after(delayMs, () => this.#due())
  }

  #due(): void {
    const next = this.#look()
    if (this.#stopped) return
    if (next === null) return this.stop()
    this.#nextMs = next
    const busy = this.#stirred || this.#busy()
    this.#stirred = false
    if (busy) this.#arm("often", next)
    else this.#arm("seldom", Math.max(next, IDLE_LOOK_MS))
  }
}
