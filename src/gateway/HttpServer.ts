import { Context, Data, Effect, Layer, type Scope } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { Functions } from "../deploy/Functions.ts"
import { InternalFault, InvalidRequest, RouteNotFound, ServiceStopping } from "../domain/Errors.ts"
import { MonotonicClock } from "../domain/MonotonicClock.ts"
import { LogPipeline } from "../logs/LogPipeline.ts"
import { FUNCTION_METHODS } from "../protocol/FunctionMethods.ts"
import type { ReadyView } from "../protocol/Management.ts"
import { BodyBudget } from "../router/BodyBudget.ts"
import { Router } from "../router/Router.ts"
import { Scheduler } from "../scheduler/Scheduler.ts"
import { ClientWatch } from "./ClientWatch.ts"
import { type ConnectionTimeouts, DataPlane, invocationIdOf } from "./DataPlane.ts"
import { makeManagement } from "./Management.ts"
import { problemMessage, problemResponse, responseFrom } from "./ProblemResponse.ts"
import { Readiness, type ReadinessState } from "./Readiness.ts"

/** The server cannot start: another program listens there already. */
export class PortInUse extends Data.TaggedError("PortInUse")<{
  readonly host: string
  readonly port: number
}> {
  override get message() {
    return `port ${this.port} of ${this.host} is taken by another program; see which one with: ss -ltnp "sport = :${this.port}", or choose another port with --http-port (0 takes any free one)`
  }
}

/** The server cannot start: the operating system does not let it listen there. */
export class ListenFailed extends Data.TaggedError("ListenFailed")<{
  readonly host: string
  readonly port: number
  readonly reason: string
}> {
  override get message() {
    return `cannot listen on port ${this.port} of ${this.host}: ${this.reason}; choose others with --http-host and --http-port`
  }
}

/** Bun gives every answer a `Date` but those to HEAD. A handler's own stays. */
const dated = async (answer: Response | Promise<Response>): Promise<Response> => {
  const response = await answer
  if (!response.headers.has("date")) response.headers.set("date", new Date().toUTCString())
  return response
}

/** The HTTP surface: functions, management, liveness and readiness on one port. Ends with its scope. */
export class HttpServer extends Context.Tag("HttpServer")<
  HttpServer,
  {
    /** Where it listens; the actual port where 0 was asked for. */
    readonly address: { readonly host: string; readonly port: number; readonly url: string }
    /**
     * Stops accepting and waits until everything under way is answered. Idle connections are closed; a request that still
     * comes in on another is refused (FN_008, 503) and closes it. There is no bound: whoever drains sets one.
     */
    readonly drain: Effect.Effect<void>
  }
>() {}

/**
 * Bun's limits (measured, see tests/failure/http-*.test.ts): a request head must be complete within about 10 s and 16 KiB,
 * whatever is configured. This is the longest time-out there is for the rest: body, answer, and idleness in between. The
 * data plane lifts it for functions that may take longer.
 */
export const IDLE_TIMEOUT_SECONDS = 255

const FUNCTIONS = "/functions/"

/** A path that nothing lives at is repeated to its sender, but not all 16 KiB of it. */
const LONGEST_ECHO = 200

type Services =
  BodyBudget | Functions | LogPipeline | MonotonicClock | Readiness | Router | Scheduler | ServerConfig

const make = (
  idleTimeoutSeconds: number
): Effect.Effect<HttpServer["Type"], PortInUse | ListenFailed, Services | Scope.Scope> =>
  Effect.gen(function* () {
    const config = yield* ServerConfig
    const readiness = yield* Readiness
    const functions = yield* Functions
    const { log } = yield* LogPipeline
    const management = yield* makeManagement
    const dataPlane = new DataPlane({
      router: yield* Router,
      scheduler: yield* Scheduler,
      log,
      clients: new ClientWatch(yield* MonotonicClock),
      budget: yield* BodyBudget,
      maxRequestBytes: config.maxRequestBytes,
      idleTimeoutSeconds
    })
    let draining = false
    let lastAuthority = ""

    /** Bun puts a Host into the URL that no URL can have, such as `a:x` (HG-025). Clients mostly send the same one. */
    const isAuthority = (origin: string): boolean => {
      if (origin === lastAuthority) return true
      if (!URL.canParse(origin)) return false
      lastAuthority = origin
      return true
    }

    const route = (request: Request, path: string): Response | Promise<Response> => {
      const { method } = request
      if (isManagement(path)) return management(request, path)
      if (path === "/health" || path === "/ready") {
        if (method !== "GET" && method !== "HEAD") return noRoute(method, path, ["GET", "HEAD"])
        return path === "/health"
          ? new Response("OK", plain)
          : readyAnswer(readiness.state, functions.runtimes)
      }
      return noRoute(method, path, [])
    }

    const defect = (cause: unknown): Response => {
      log({
        at: Date.now(),
        level: "error",
        message: `a request could not be handled: ${String(cause)}`,
        ...(cause instanceof Error && cause.stack !== undefined ? { metadata: { stack: cause.stack } } : {})
      })
      return problemResponse(new InternalFault())
    }

    const answerTo = (request: Request, server: ConnectionTimeouts): Response | Promise<Response> => {
      if (draining) return stopping(request)
      const { url } = request
      if (!url.startsWith("http://")) return withoutHost(request, url, server)
      // After the authority, which has at least one character.
      const pathAt = url.indexOf("/", 8)
      if (!isAuthority(url.slice(0, pathAt))) return badHost(request, "is not the name of a host")
      return url.startsWith(FUNCTIONS, pathAt)
        ? dataPlane.handle(request, server, url, pathAt + FUNCTIONS.length)
        : route(request, pathIn(url, pathAt))
    }

    const serve = () =>
      Bun.serve({
        hostname: config.httpHost,
        port: config.httpPort,
        idleTimeout: idleTimeoutSeconds,
        // The limits are ours, so that the answers are: Bun's own 413 has no body. What nobody reads is not kept.
        maxRequestBodySize: Number.MAX_SAFE_INTEGER,
        development: false,
        // Out of development mode Bun's default is true: a second server would take half of the connections silently.
        reusePort: false,
        fetch(request, server) {
          const answer = answerTo(request, server)
          return request.method === "HEAD" ? dated(answer) : answer
        },
        error: defect
      })

    /**
     * Without a usable Host the URL is the bare target, as it was sent. HTTP/1.0 may come without one (health checks do),
     * and is given what the others get; a Host that no URL can hold is refused (RFC 9112, 3.2).
     */
    const withoutHost = (
      request: Request,
      target: string,
      server: ConnectionTimeouts
    ): Response | Promise<Response> => {
      const { method } = request
      if (method === "CONNECT") return noRoute(method, target, FUNCTION_METHODS)
      const url = target.startsWith("/") ? URL.parse(`http://localhost${target}`)?.href : undefined
      if (url === undefined || request.headers.has("host"))
        return badHost(request, "is not the name of a host")
      const pathAt = "http://localhost".length
      if (url.startsWith(FUNCTIONS, pathAt)) {
        return dataPlane.handle(request, server, url, pathAt + FUNCTIONS.length)
      }
      const path = pathIn(url, pathAt)
      return isManagement(path) ? badHost(request, "is required here") : route(request, path)
    }

    const server = yield* Effect.acquireRelease(
      Effect.try({ try: serve, catch: (cause) => notListening(cause, config.httpHost, config.httpPort) }),
      (server) => Effect.promise(() => server.stop(true))
    )

    return HttpServer.of({
      address: {
        host: server.hostname ?? config.httpHost,
        port: server.port ?? config.httpPort,
        url: server.url.origin
      },
      drain: Effect.promise(() => {
        draining = true
        readiness.state = "draining"
        return server.stop(false)
      })
    })
  })

const plain = { headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" } }

const readyAnswer = (state: ReadinessState, runtimes: ReadyView["runtimes"]): Response =>
  Response.json({ ready: state === "ready", state, runtimes } satisfies ReadyView, {
    status: state === "ready" ? 200 : 503,
    headers: { "cache-control": "no-store" }
  })

const noRoute = (method: string, path: string, allowed: ReadonlyArray<string>): Response =>
  problemResponse(new RouteNotFound({ method, path: path.slice(0, LONGEST_ECHO), allowed }))

const badHost = (request: Request, message: string): Response =>
  problemResponse(new InvalidRequest({ violations: [{ field: "host", message }] }), invocationIdOf(request))

const stopping = (request: Request): Response =>
  responseFrom(problemMessage(new ServiceStopping({ retryAfterSeconds: 1 }), invocationIdOf(request)), true)

const isManagement = (path: string): boolean => path === "/api" || path.startsWith("/api/")

/** The path of a URL whose path begins at `pathAt`, without query and fragment. */
const pathIn = (url: string, pathAt: number): string => {
  const end = url.slice(pathAt).search(/[?#]/)
  return end === -1 ? url.slice(pathAt) : url.slice(pathAt, pathAt + end)
}

/** Fails where the server would, because the port is taken or cannot be had; leaves nothing behind. */
export const refuseTaken = (hostname: string, port: number): Effect.Effect<void, PortInUse | ListenFailed> =>
  Effect.try({
    try: () => Bun.listen({ hostname, port, socket: { data: () => {} } }).stop(true),
    catch: (cause) => notListening(cause, hostname, port)
  })

const notListening = (cause: unknown, host: string, port: number): PortInUse | ListenFailed => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  if (code === "EADDRINUSE") return new PortInUse({ host, port })
  const reason =
    code === "EACCES"
      ? "this user may not listen on a port below 1024"
      : code === "EADDRNOTAVAIL"
        ? "this machine has no such address"
        : cause instanceof Error
          ? cause.message
          : String(cause)
  return new ListenFailed({ host, port, reason })
}

/** With another time-out than usual; tests cannot wait for minutes. */
export const layerWithIdleTimeout = (
  seconds: number
): Layer.Layer<HttpServer, PortInUse | ListenFailed, Services> => Layer.scoped(HttpServer, make(seconds))

export const layer: Layer.Layer<HttpServer, PortInUse | ListenFailed, Services> =
  layerWithIdleTimeout(IDLE_TIMEOUT_SECONDS)
