import { FunctionNotFound, InvalidRequest, type Violation } from "../domain/Errors.ts"
import { isFunctionMethod, METHOD_ADVICE } from "../protocol/FunctionMethods.ts"
import { problemOf } from "../protocol/Problem.ts"
import { MAX_REFERENCE_LENGTH } from "../protocol/socket/InvokeRequest.ts"
import { requestUrl } from "../protocol/socket/requestUrl.ts"
import { FunctionsError } from "./ClientErrors.ts"
import type { HeaderInput, InvokeRequest, InvokeResult } from "./FunctionsClient.ts"

/** A request with everything filled in, ready for either transport. */
export interface InvokeMessage {
  readonly method: string
  /** Path and raw query. */
  readonly url: string
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: Uint8Array | null
}

/** Fills in the defaults; throws `FunctionsError` (FN_006) where the request cannot be one. */
export const invokeMessage = (request: InvokeRequest): InvokeMessage => {
  const violations: Array<Violation> = []
  const body = bodyOf(request.body)
  const method = (request.method ?? (body === null ? "GET" : "POST")).toUpperCase()
  const path = request.path === undefined || request.path === "" ? "/" : request.path
  if (!path.startsWith("/"))
    violations.push({ field: "path", value: path, message: "use a path that begins with '/'" })
  if (body !== null && (method === "GET" || method === "HEAD")) {
    violations.push({ field: "body", message: `${method} has no body; use another method` })
  }
  if (!isFunctionMethod(method)) {
    violations.push({ field: "method", value: method.slice(0, 100), message: METHOD_ADVICE })
  }
  if (violations.length > 0) throw invalid(violations)
  return { method, url: requestUrl(path, request.query), headers: pairsOf(request.headers), body }
}

/** The error of a request that need not be sent to know that it is wrong. */
export const invalid = (violations: ReadonlyArray<Violation>): FunctionsError =>
  new FunctionsError(problemOf(new InvalidRequest({ violations })))

/** Throws what a server would say of a name that cannot be one. Such a name must not become a part of a path. */
export const checkReference = (nameOrId: string): void => {
  if (nameOrId === "" || nameOrId === "." || nameOrId === ".." || nameOrId.length > MAX_REFERENCE_LENGTH) {
    throw new FunctionsError(
      problemOf(
        new FunctionNotFound({ function: nameOrId.slice(0, MAX_REFERENCE_LENGTH), reason: "unknown" })
      )
    )
  }
}

const bodyOf = (body: InvokeRequest["body"]): Uint8Array | null => {
  if (body === undefined) return null
  const bytes =
    typeof body === "string"
      ? new TextEncoder().encode(body)
      : body instanceof ArrayBuffer
        ? new Uint8Array(body)
        : body
  return bytes.length === 0 ? null : bytes
}

const isPairs = (headers: HeaderInput): headers is ReadonlyArray<readonly [string, string]> =>
  Array.isArray(headers)

const pairsOf = (headers: HeaderInput | undefined): ReadonlyArray<readonly [string, string]> => {
  if (headers === undefined) return []
  if (isPairs(headers)) return headers
  return Object.entries(headers).flatMap(([name, value]) =>
    typeof value === "string" ? [[name, value] as const] : value.map((one) => [name, one] as const)
  )
}

/** Headers as a map, as the socket takes them. */
export const headerMap = (
  pairs: ReadonlyArray<readonly [string, string]>
): Readonly<Record<string, string | ReadonlyArray<string>>> => {
  // Without a prototype: a header may be called __proto__.
  const map = Object.create(null) as Record<string, string | ReadonlyArray<string>>
  for (const [name, value] of pairs) {
    const before = map[name]
    map[name] = before === undefined ? value : [...(typeof before === "string" ? [before] : before), value]
  }
  return map
}

export const invokeResult = (
  status: number,
  headers: InvokeResult["headers"],
  body: Uint8Array,
  executionId: string,
  executionTimeMs: number | null
): InvokeResult => {
  const text = () => new TextDecoder().decode(body)
  return {
    status,
    headers,
    header: (name) => {
      const wanted = name.toLowerCase()
      const values = headers.filter(([one]) => one === wanted).map(([, value]) => value)
      return values.length === 0 ? null : values.join(", ")
    },
    body,
    text,
    json: () => JSON.parse(text()) as unknown,
    executionId,
    executionTimeMs
  }
}
