import type { InvocationError } from "../domain/Errors.ts"
import type { Target } from "../domain/Invocation.ts"
import type { LogEntry } from "../logs/LogPipeline.ts"
import type { ResponsePayload } from "../protocol/worker/Wire.ts"
import { fromFault, fromWorkerError, headlineOf } from "../worker/invocationError.ts"
import type { WorkerAnswer } from "../worker/WorkerAnswer.ts"

/** How a use of a worker ended. */
export type UseOutcome =
  | { readonly _tag: "Answered"; readonly payload: ResponsePayload; readonly body: Uint8Array }
  | { readonly _tag: "Failed"; readonly error: InvocationError }

/** Called exactly once per use, after the worker was given back. `linesCut` counts its log lines that were not passed on. */
export type UseSettle = (outcome: UseOutcome, linesCut: number) => void

/** What a worker's answer comes to. */
export const outcomeOf = (answer: WorkerAnswer, target: Target, maxResponseBytes: number): UseOutcome => {
  switch (answer._tag) {
    case "Response":
      return { _tag: "Answered", payload: answer.payload, body: answer.body }
    case "Lost":
      return { _tag: "Failed", error: fromFault(answer.fault, target) }
    case "Error":
      return { _tag: "Failed", error: fromWorkerError(answer.payload, target, maxResponseBytes) }
  }
}

/** The line about an error of the handler's own; null where there was none, or the scheduler tells it. */
export const handlersWords = (
  answer: WorkerAnswer,
  { bundlePath }: Target
): Pick<LogEntry, "level" | "message" | "stack" | "bundlePath"> | null => {
  if (answer._tag !== "Error") return null
  const { code, stack } = answer.payload
  if (code === "CANCELLED" || code === "RESPONSE_TOO_LARGE") return null
  return {
    level: "error",
    message: headlineOf(answer.payload),
    ...(stack === undefined ? {} : { stack, bundlePath })
  }
}
