import type { ServiceError } from "../domain/Errors.ts"

/** The catalogue's codes, as `product.md` fixes them. */
export const FN_CODES = [
  "FN_001",
  "FN_002",
  "FN_003",
  "FN_004",
  "FN_005",
  "FN_006",
  "FN_007",
  "FN_008",
  "FN_009"
] as const
export type FnCode = (typeof FN_CODES)[number]

/** Status byte of an answer on the socket. */
export const SocketStatus = { OK: 0x00, ERROR: 0x01, NOT_FOUND: 0x02 } as const
export type SocketStatus = (typeof SocketStatus)[keyof typeof SocketStatus]

interface Row {
  readonly code: FnCode
  readonly title: string
  readonly httpStatus: number
  readonly socketStatus: SocketStatus
  readonly retryable: boolean
}

const row = (
  code: FnCode,
  title: string,
  httpStatus: number,
  retryable: boolean,
  socketStatus: SocketStatus = SocketStatus.ERROR
): Row => ({ code, title, httpStatus, socketStatus, retryable })

/** The one mapping of typed errors to what leaves the service. Exhaustive: a new error does not compile without a row. */
const table: { readonly [Tag in ServiceError["_tag"]]: Row } = {
  FunctionNotFound: row("FN_001", "Function not found", 404, false, SocketStatus.NOT_FOUND),
  VersionNotFound: row("FN_001", "Version not found", 404, false, SocketStatus.NOT_FOUND),
  ExecutionTimeout: row("FN_002", "Execution timeout exceeded", 504, true),
  MemoryLimitExceeded: row("FN_003", "Memory limit exceeded", 500, false),
  HandlerFailed: row("FN_004", "Runtime error", 500, false),
  WorkerCrashed: row("FN_004", "Worker crashed", 502, true),
  ResponseTooLarge: row("FN_004", "Response too large", 502, false),
  StorageFailed: row("FN_004", "Storage failed", 500, true),
  InternalFault: row("FN_004", "Internal error", 500, true),
  DeploymentFailed: row("FN_005", "Deployment failed", 422, false),
  InvalidRequest: row("FN_006", "Invalid request", 400, false),
  PayloadTooLarge: row("FN_006", "Payload too large", 413, false),
  RouteNotFound: row("FN_006", "No such route", 404, false),
  LimitExceeded: row("FN_007", "Limit exceeded", 429, true),
  ColdStartTimeout: row("FN_008", "Cold start timeout", 503, true),
  ServiceStopping: row("FN_008", "Service is stopping", 503, true),
  PermissionDenied: row("FN_009", "Permission denied", 403, false),
  Unauthorized: row("FN_009", "Unauthorized", 401, false),
  // 499 never reaches anyone: the caller is gone. It is what access logs conventionally show.
  InvocationCancelled: row("FN_002", "Cancelled by the caller", 499, true)
}

/** Code, title, statuses and retryability of an error. */
export const describe = (error: ServiceError): Row => {
  const found = table[error._tag]
  return error._tag === "RouteNotFound" && error.allowed.length > 0
    ? { ...found, title: "Method not allowed", httpStatus: 405 }
    : found
}
