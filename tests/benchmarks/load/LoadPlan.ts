import { Schema } from "effect"
import { Histogram } from "./Histogram.ts"

/**
 * What the load generator is asked and what it answers. The two ends are one program in two processes, so that the
 * generator never shares an event loop, a heap or a garbage collection with what it measures or with the harness.
 */

/** Where requests go. */
export interface LoadTarget {
  readonly hostname: string
  readonly port: number
  /** Path and query. */
  readonly path: string
}

export type Amount = { readonly seconds: number } | { readonly requests: number }

/** Every connection sends its next request as soon as its last one was answered. */
export interface ClosedLoopPlan {
  readonly _tag: "ClosedLoop"
  readonly target: LoadTarget
  readonly connections: number
  /** Sent, checked, and left out of the figures. */
  readonly warmUp: Amount
  readonly measure: Amount
}

/** One connection sends random bodies, one after another, and wants each back byte for byte. */
export interface EchoPlan {
  readonly _tag: "Echo"
  readonly target: LoadTarget
  readonly bytes: number
  readonly warmUpRequests: number
  readonly requests: number
  readonly seed: number
}

/** Starts a bare Bun program and waits for its first byte, one time after another. */
export interface SpawnPlan {
  readonly _tag: "Spawn"
  readonly times: number
}

/** An open loop (requests at a set rate, whatever the answers do) would be one more kind of plan. */
export type LoadPlan = ClosedLoopPlan | EchoPlan | SpawnPlan

const Count = Schema.Int.pipe(Schema.nonNegative())

const ReportMessage = Schema.Struct({
  histogram: Schema.Struct({
    buckets: Schema.Array(Schema.Tuple(Count, Count)),
    min: Count,
    max: Count
  }),
  /** From the first to the last measured instant. */
  seconds: Schema.Number,
  /** Requests that failed in any way, those of the warm-up included. */
  failures: Count,
  /** What the first of them was. */
  firstFailure: Schema.NullOr(Schema.String),
  /** CPU time of the generator over the measured time; at 1 it is the generator that limits the throughput. */
  generatorCpu: Schema.Number
})
export type ReportMessage = typeof ReportMessage.Type

/** The generator's answer to one plan. `Broken`: the plan could not be carried out at all. */
export const LoadAnswer = Schema.Union(
  Schema.Struct({ _tag: Schema.Literal("Report"), report: ReportMessage }),
  Schema.Struct({ _tag: Schema.Literal("Broken"), reason: Schema.String })
)
export type LoadAnswer = typeof LoadAnswer.Type

/** Measured latencies in nanoseconds, and what goes with them. */
export interface LoadReport extends Omit<ReportMessage, "histogram"> {
  readonly histogram: Histogram
}

export const reportFrom = (message: ReportMessage): LoadReport => ({
  ...message,
  histogram: Histogram.from(message.histogram)
})
