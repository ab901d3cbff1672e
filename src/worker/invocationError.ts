import {
  DeploymentFailed,
  HandlerFailed,
  InvocationCancelled,
  type InvocationError,
  MemoryLimitExceeded,
  PermissionDenied,
  ResponseTooLarge,
  WorkerCrashed
} from "../domain/Errors.ts"
import type { Target } from "../domain/Invocation.ts"
import type { ErrorCode, ErrorPayload } from "../protocol/worker/Wire.ts"
import type { WorkerFault } from "./WorkerAnswer.ts"

/** The typed error behind a worker's `error` message. A code that this host does not know counts as the handler's own error. */
export const fromWorkerError = (
  payload: ErrorPayload,
  target: Target,
  maxResponseBytes: number
): InvocationError => {
  const handlerFailed = (kind: "threw" | "invalid_response"): HandlerFailed =>
    new HandlerFailed({
      kind,
      handlerMessage: payload.message,
      exposed: target.exposeErrors,
      ...(payload.stack === undefined ? {} : { handlerStack: payload.stack })
    })
  switch (payload.code as ErrorCode) {
    case "INVALID_RESPONSE":
      return handlerFailed("invalid_response")
    case "RESPONSE_TOO_LARGE":
      return new ResponseTooLarge({ limit: "max_response_bytes", bytes: maxResponseBytes })
    case "BUNDLE_LOAD_ERROR":
      return new DeploymentFailed({ stage: "bundle", reason: payload.message })
    case "NO_HANDLER":
      return new DeploymentFailed({ stage: "handler", reason: payload.message })
    case "PERMISSION_DENIED":
      return new PermissionDenied({ reason: payload.message })
    case "OUT_OF_MEMORY":
      return new MemoryLimitExceeded({ limitMb: target.limits.memory_mb })
    case "CANCELLED":
      return new InvocationCancelled({ phase: "run" })
    default:
      return handlerFailed("threw")
  }
}

/**
 * An error's message for the log, with its class before it where its stack begins with that: `TypeError: x is undefined`.
 * The protocol's `message` is without.
 */
export const headlineOf = ({ message, stack = "" }: ErrorPayload): string => {
  const at = message === "" ? -1 : stack.indexOf(message)
  return at > 0 && /^[\w$.]+: $/.test(stack.slice(0, at)) ? stack.slice(0, at) + message : message
}

/** The typed error of an invocation whose worker was lost. */
export const fromFault = (fault: WorkerFault, target: Target): WorkerCrashed | MemoryLimitExceeded =>
  fault.kind === "memory"
    ? new MemoryLimitExceeded({
        limitMb: target.limits.memory_mb,
        ...(fault.memory === undefined ? {} : { measured: fault.memory })
      })
    : new WorkerCrashed({
        cause: fault.kind,
        reason: `it ${fault.reason}`,
        ...(fault.exitCode === undefined ? {} : { exitCode: fault.exitCode }),
        ...(fault.signal === undefined ? {} : { signal: fault.signal })
      })
