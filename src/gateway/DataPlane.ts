import {
  FunctionNotFound,
  HandlerFailed,
  InternalFault,
  InvalidRequest,
  type LimitExceeded,
  PayloadTooLarge,
  RouteNotFound
} from "../domain/Errors.ts"
import { takeInvocationId } from "../domain/Ids.ts"
import type { Forgetful, Invocation, Outcome, RequestHeaders, Target } from "../domain/Invocation.ts"
import type { LogPipeline } from "../logs/LogPipeline.ts"
import { FUNCTION_METHODS } from "../protocol/FunctionMethods.ts"
import { stripHopByHop } from "../protocol/HopByHop.ts"
import type { BodyBudget } from "../router/BodyBudget.ts"
import type { Router } from "../router/Router.ts"
import type { Scheduler } from "../scheduler/Scheduler.ts"
import type { ClientWatch, Watched } from "./ClientWatch.ts"
import { responseOf } from "./ForwardedHeaders.ts"
import { problemMessage, problemResponse, responseFrom } from "./ProblemResponse.ts"
import { type BodyRefusal, declaredLength, HeldBody } from "./RequestBody.ts"
import { splitTarget } from "./RequestTarget.ts"

export interface DataPlaneServices {
  readonly router: Router["Type"]
  readonly scheduler: Scheduler["Type"]
  readonly log: LogPipeline["Type"]["log"]
  readonly clients: ClientWatch
  readonly budget: BodyBudget["Type"]
  readonly maxRequestBytes: number
  /** The HTTP server closes a connection on which nothing was finished for so long, unless told otherwise. */
  readonly idleTimeoutSeconds: number
}

/** The part of Bun's server that this needs: 0 lifts the time-out of this request's connection. */
export interface ConnectionTimeouts {
  readonly timeout: (request: Request, seconds: number) => void
}

/** Names are at most 63 characters; more of a wrong one is not repeated to its sender. */
const LONGEST_NAME = 63

// The connection's time-out runs from the first byte of the request and covers body, queue and function; where that might
// not be enough it is set again for the function's own time. Half is for the body.
const IDLE_SHARE = 0.5

/**
 * `ANY /functions/{name}` and `/functions/{name}/*`: a request becomes an `Invocation`, its outcome a response. Plain
 * functions by the rule of the two speeds: no fibre, no Schema, no URL object, no log line per call.
 */
export class DataPlane {
  readonly #services: DataPlaneServices
  readonly #longSeconds: number

  constructor(services: DataPlaneServices) {
    this.#services = services
    this.#longSeconds = services.idleTimeoutSeconds * IDLE_SHARE
  }

  /** Answers a request whose function name begins at `nameAt` in `url`. */
  handle(
    request: Request,
    server: ConnectionTimeouts,
    url: string,
    nameAt: number
  ): Response | Promise<Response> {
    const { method } = request
    const headers: RequestHeaders = request.headers.toJSON()
    const id = takeInvocationId(headers)
    try {
      if (method === "TRACE" || method === "CONNECT") {
        return problemResponse(
          new RouteNotFound({ method, path: "/functions", allowed: FUNCTION_METHODS }),
          id
        )
      }
      const { name, path, url: rest } = splitTarget(url, nameAt)
      const target = this.#resolve(name)
      if (target instanceof FunctionNotFound) return problemResponse(target, id)
      const fault = faultOf(headers, rest)
      if (fault !== null) return problemResponse(fault, id)

      const contentLength = headers["content-length"]
      const chunked = headers["transfer-encoding"] !== undefined
      stripHopByHop(headers)
      if ((contentLength === undefined && !chunked) || contentLength === "0") {
        return this.#invoke(request, server, target, invocationOf(id, method, path, rest, headers, null))
      }
      if (method === "GET" || method === "HEAD") {
        // As in fetch, these have no body; what was sent is discarded, and the handler is not promised one.
        delete headers["content-length"]
        return this.#invoke(request, server, target, invocationOf(id, method, path, rest, headers, null))
      }
      const declared = typeof contentLength === "string" ? declaredLength(contentLength) : null
      const held = new HeldBody(request, declared, this.#services.maxRequestBytes, this.#services.budget)
      const refusal = held.admit()
      if (refusal !== null) return problemResponse(this.#refusal(refusal), id)
      // A list of equal lengths ("5, 5") is allowed to come in, and is one to whoever reads it next.
      if (declared !== null) headers["content-length"] = String(declared)
      return this.#withBody(
        request,
        server,
        held,
        name,
        invocationOf(id, method, path, rest, headers, null)
      ).finally(() => held.giveBack())
    } catch (defect) {
      return this.#defect(defect, id)
    }
  }

  #resolve(name: string): Target | FunctionNotFound {
    const target = this.#services.router.resolve(name)
    return target instanceof FunctionNotFound && name.length > LONGEST_NAME
      ? new FunctionNotFound({ function: `${name.slice(0, LONGEST_NAME)}…`, reason: "unknown" })
      : target
  }

  #refusal(why: BodyRefusal): PayloadTooLarge | LimitExceeded {
    const { budget, maxRequestBytes } = this.#services
    return why === "no_room"
      ? budget.refusal()
      : new PayloadTooLarge({
          what: "the request body",
          limitBytes: maxRequestBytes,
          option: "max_request_bytes"
        })
  }

  async #withBody(
    request: Request,
    server: ConnectionTimeouts,
    held: HeldBody,
    name: string,
    head: Invocation
  ): Promise<Response> {
    let body: Uint8Array | BodyRefusal
    try {
      body = await held.read()
    } catch {
      // The client went away in the middle of its body, or sent chunks that are none: nobody reads this.
      return new Response(null, { status: 400 })
    }
    // How much more would come is unknown: the connection is given up instead of being read to its end.
    if (typeof body === "string") return responseFrom(problemMessage(this.#refusal(body), head.id), true)
    try {
      // Again, because the body may have taken long: whoever was deployed meanwhile gets the call.
      const target = this.#resolve(name)
      if (target instanceof FunctionNotFound) return problemResponse(target, head.id)
      server.timeout(request, this.#services.idleTimeoutSeconds)
      const invocation: Forgetful = { ...head, body }
      return await this.#invoke(request, server, target, invocation, () => {
        // It may wait for its worker to notice, until its deadline; its body does not wait with it.
        invocation.body = null
      })
    } catch (defect) {
      return this.#defect(defect, head.id)
    }
  }

  #invoke(
    request: Request,
    server: ConnectionTimeouts,
    target: Target,
    invocation: Invocation,
    forgetBody: (() => void) | null = null
  ): Promise<Response> {
    const { clients, idleTimeoutSeconds, scheduler } = this.#services
    const long = target.limits.timeout_seconds > this.#longSeconds
    if (long) server.timeout(request, 0)
    return new Promise((resolve) => {
      let settled = false
      let watched: Watched | null = null
      const settle = (outcome: Outcome): void => {
        settled = true
        if (watched !== null) clients.remove(watched)
        if (long) server.timeout(request, idleTimeoutSeconds)
        resolve(this.#answer(outcome, target, invocation))
      }
      try {
        const cancel = scheduler.submit(target, invocation, settle)
        if (settled) return
        watched = clients.add(request, () => {
          cancel()
          forgetBody?.()
          // Nobody reads it; but what waits for this call shall not wait for ever.
          resolve(new Response(null, { status: 499 }))
        })
      } catch (defect) {
        resolve(this.#defect(defect, invocation.id))
      }
    })
  }

  #answer(outcome: Outcome, target: Target, invocation: Invocation): Response {
    if (outcome._tag === "Failure") return problemResponse(outcome.error, invocation.id)
    try {
      return responseOf(outcome.result, invocation.id, invocation.method === "HEAD")
    } catch (cause) {
      const handlerMessage = `the answer cannot be sent over HTTP: ${cause instanceof Error ? cause.message : String(cause)}`
      this.#services.log({
        at: Date.now(),
        level: "error",
        functionId: target.functionId,
        functionName: target.name,
        version: target.version,
        invocationId: invocation.id,
        message: handlerMessage
      })
      return problemResponse(
        new HandlerFailed({ kind: "invalid_response", handlerMessage, exposed: target.exposeErrors }),
        invocation.id
      )
    }
  }

  #defect(defect: unknown, invocationId: string): Response {
    this.#services.log({
      at: Date.now(),
      level: "error",
      invocationId,
      message: `a request to a function could not be handled: ${String(defect)}`,
      ...(defect instanceof Error && defect.stack !== undefined ? { metadata: { stack: defect.stack } } : {})
    })
    return problemResponse(new InternalFault(), invocationId)
  }
}

/** The id that the answer to a request bears: its caller's or a new one. */
export const invocationIdOf = (request: Request): string => takeInvocationId(request.headers.toJSON())

/** What the HTTP server lets through and RFC 9112 does not: a fragment in the target, more than one Host. */
const faultOf = (headers: RequestHeaders, rest: string): InvalidRequest | null => {
  if (rest.includes("#")) {
    return new InvalidRequest({
      violations: [{ field: "path", message: "a request target has no fragment; write '#' as %23" }]
    })
  }
  const host = headers["host"]
  if (typeof host === "string" && host.includes(",")) {
    return new InvalidRequest({ violations: [{ field: "host", message: "send one Host header" }] })
  }
  return null
}

const invocationOf = (
  id: string,
  method: string,
  path: string,
  url: string,
  headers: RequestHeaders,
  body: Uint8Array | null
): Invocation => {
  const trace = headers["traceparent"]
  return typeof trace === "string"
    ? { id, method, path, url, headers, body, trace }
    : { id, method, path, url, headers, body }
}
