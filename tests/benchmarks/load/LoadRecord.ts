import { Histogram } from "./Histogram.ts"
import type { ReportMessage } from "./LoadPlan.ts"

/** Latencies and failures of one plan, as they come in. Every kind of plan is recorded by the same rules. */
export class LoadRecord {
  readonly #histogram = new Histogram()
  #failures = 0
  #firstFailure: string | null = null
  #startedAt = -1
  #endedAt = -1
  #cpuAtStart = 0
  #cpuUsed = 0

  get measuring(): boolean {
    return this.#startedAt !== -1 && this.#endedAt === -1
  }

  get measured(): number {
    return this.#histogram.total
  }

  /** In nanoseconds, on the clock of `Bun.nanoseconds`. */
  get startedAt(): number {
    return this.#startedAt
  }

  /** What comes from here to `end` counts for the figures. */
  start(now: number): void {
    this.#startedAt = now
    this.#cpuAtStart = cpuMicroseconds()
  }

  end(now: number): void {
    this.#endedAt = now
    this.#cpuUsed = cpuMicroseconds() - this.#cpuAtStart
  }

  latency(nanoseconds: number): void {
    if (this.measuring) this.#histogram.record(nanoseconds)
  }

  failure(what: string): void {
    this.#failures += 1
    this.#firstFailure ??= what
  }

  report(): ReportMessage {
    const nanoseconds = this.#startedAt === -1 ? 0 : this.#endedAt - this.#startedAt
    return {
      histogram: this.#histogram.toData(),
      seconds: nanoseconds / 1e9,
      failures: this.#failures,
      firstFailure: this.#firstFailure,
      generatorCpu: nanoseconds === 0 ? 0 : (this.#cpuUsed * 1000) / nanoseconds
    }
  }
}

const cpuMicroseconds = (): number => {
  const { system, user } = process.cpuUsage()
  return user + system
}
