import { Context, Duration, Effect, Either, FiberSet, Layer, type Scope } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { Functions } from "../deploy/Functions.ts"
import {
  FunctionNotFound,
  InternalFault,
  InvalidRequest,
  LimitExceeded,
  PayloadTooLarge,
  ServiceStopping
} from "../domain/Errors.ts"
import { FaultPoint } from "../domain/FaultPoint.ts"
import { VERSION } from "../domain/Product.ts"
import { LogPipeline } from "../logs/LogPipeline.ts"
import { SocketStatus } from "../protocol/ErrorTable.ts"
import {
  Command,
  type CommandName,
  commandName,
  SOCKET_PROTOCOL_VERSION
} from "../protocol/socket/Commands.ts"
import { InvokeRequest, isInvokeRequest } from "../protocol/socket/InvokeRequest.ts"
import type { PingAnswer } from "../protocol/socket/Payloads.ts"
import { decodeRequest } from "../protocol/violations.ts"
import { PROTOCOL_VERSION as WORKER_PROTOCOL_VERSION } from "../protocol/worker/Wire.ts"
import { BodyBudget } from "../router/BodyBudget.ts"
import { Router } from "../router/Router.ts"
import { Scheduler } from "../scheduler/Scheduler.ts"
import { Activity } from "./Activity.ts"
import { Connection, type ConnectionLimits, type ConnectionOwner, type Ticket } from "./Connection.ts"
import { invocationOf } from "./InvocationOf.ts"
import { answerTooLarge, encodeFailure, encodeResult } from "./InvokeAnswer.ts"
import { makeManagementCommands, type ManagementOptions, parsePayload } from "./ManagementCommands.ts"
import { bind, type SocketStartError } from "./SocketFile.ts"

export interface IpcOptions extends ConnectionLimits, ManagementOptions {
  readonly socketPath: string
  /** What PING tells of the server beside its versions: where it takes HTTP, and where its log files are. */
  readonly about?: Pick<PingAnswer, "http_url" | "logs_dir">
  readonly maxRequestBytes: number
  /** Further clients are told so (FN_007) and turned away. */
  readonly maxConnections: number
  /** A peer that does not finish a frame, or does not read its answers, for so long is cut off. */
  readonly stallTimeout: Duration.Duration
  /** After the last word to a peer (it broke the framing), how long it may take to leave. */
  readonly lingerTimeout: Duration.Duration
}

const MiB = 1024 * 1024

export const defaultIpcOptions = {
  maxInFlight: 1024,
  pauseBytes: MiB,
  maxUnreadBytes: 64 * MiB,
  maxRunning: 16,
  maxWaiting: 1024,
  maxConnections: 4096,
  stallTimeout: Duration.seconds(30),
  lingerTimeout: Duration.seconds(1)
} as const

/** The service on its unix socket: frames in, frames out, the same services behind it as behind HTTP. */
export class IpcServer extends Context.Tag("IpcServer")<
  IpcServer,
  {
    readonly path: string
    readonly connections: () => number
    /** Requests without an answer, and connections with answers that were not written yet. */
    readonly inFlight: () => number
    /**
     * Lets go of the path and takes no new connections and requests (FN_008); resolves when what was accepted is answered
     * and written. There is no time limit: that is for the caller to set.
     */
    readonly drain: Effect.Effect<void>
  }
>() {}

export const make = (
  options: IpcOptions
): Effect.Effect<
  IpcServer["Type"],
  SocketStartError,
  BodyBudget | Router | Scheduler | Functions | LogPipeline | Scope.Scope
> =>
  Effect.gen(function* () {
    const budget = yield* BodyBudget
    const router = yield* Router
    const scheduler = yield* Scheduler
    const functions = yield* Functions
    const logs = yield* LogPipeline
    const reached = yield* FaultPoint
    const clock = yield* Effect.clock
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    // Not the wall clock: that may be set while the server runs.
    const now = () => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
    const activity = new Activity()
    const connections = new Set<Connection>()
    let stopping = false

    const say = (message: string) => logs.log({ at: clock.unsafeCurrentTimeMillis(), level: "warn", message })
    const reportDefect = (defect: unknown) =>
      logs.log({
        at: clock.unsafeCurrentTimeMillis(),
        level: "error",
        message: `a request on the socket could not be handled: ${String(defect)}`,
        ...(defect instanceof Error && defect.stack !== undefined ? { stack: defect.stack } : {})
      })
    const management = yield* makeManagementCommands(
      functions,
      options,
      activity,
      budget,
      reached,
      reportDefect
    )
    const describeInvoke = decodeRequest(InvokeRequest, "ignore")
    const pong: PingAnswer = {
      server: "bunbase-functions",
      version: VERSION,
      ...options.about,
      runtimes: functions.runtimes,
      protocols: { socket: SOCKET_PROTOCOL_VERSION, worker: WORKER_PROTOCOL_VERSION }
    }

    /** No fibre and no Schema, by the rule of the two speeds. */
    const invoke = (ticket: Ticket, payload: Uint8Array): void => {
      const parsed = parsePayload(payload)
      if (parsed instanceof InvalidRequest) return ticket.refuse(parsed)
      if (!isInvokeRequest(parsed.value)) {
        return ticket.refuse(Either.getOrThrow(Either.flip(describeInvoke(parsed.value))))
      }
      const target = router.resolve(parsed.value.function_id)
      if (target instanceof FunctionNotFound) return ticket.refuse(target)
      const invocation = invocationOf(parsed.value, options.maxRequestBytes)
      if (invocation instanceof InvalidRequest || invocation instanceof PayloadTooLarge)
        return ticket.refuse(invocation)
      let settled = false
      const cancel = scheduler.submit(target, invocation, (outcome) => {
        settled = true
        if (outcome._tag === "Success") {
          const fits = ticket.answer(
            SocketStatus.OK,
            encodeResult(outcome.result, invocation.id, invocation.method)
          )
          if (!fits) ticket.answer(SocketStatus.OK, encodeFailure(answerTooLarge(), invocation.id))
        } else if (outcome.error._tag === "FunctionNotFound") {
          ticket.refuse(outcome.error, invocation.id)
        } else {
          ticket.answer(SocketStatus.OK, encodeFailure(outcome.error, invocation.id))
        }
      })
      if (settled) return
      ticket.cancel =
        invocation.body === null
          ? cancel
          : () => {
              cancel()
              // It may wait for its worker to notice, until its deadline; its body does not wait with it.
              invocation.body = null
            }
      // What `submit` set off may have ended this very connection.
      if (!ticket.wanted) ticket.cancel()
    }

    const dispatch = (ticket: Ticket, code: number, payload: Uint8Array): void => {
      if (code === Command.INVOKE) return invoke(ticket, payload)
      const name = commandName(code)
      switch (name) {
        case "REGISTER_FUNCTION":
        case "DEPLOY_FUNCTION":
        case "ROLLBACK_FUNCTION":
        case "RESET_FUNCTION":
        case "DELETE_FUNCTION":
        case "DELETE_VERSION":
        case "GET_FUNCTION":
        case "GET_FUNCTION_VERSIONS":
        case "LIST_FUNCTIONS": {
          const run = management.start(ticket, name, payload)
          if (run !== null) fork(run)
          return
        }
        case "PING":
          ticket.answer(SocketStatus.OK, JSON.stringify(pong))
          return
        default:
          return ticket.refuse(unknownCommand(code, name))
      }
    }

    const owner: ConnectionOwner = {
      limits: options,
      activity,
      budget,
      now,
      request: (ticket, code, payload) => {
        // A ping is answered to the last: it does nothing.
        if (stopping && code !== Command.PING) {
          return ticket.refuse(new ServiceStopping({ retryAfterSeconds: 1 }))
        }
        try {
          dispatch(ticket, code, payload)
        } catch (defect) {
          reportDefect(defect)
          ticket.refuse(new InternalFault())
        }
      },
      ending: (connection) => {
        fork(
          Effect.andThen(
            Effect.sleep(options.lingerTimeout),
            Effect.sync(() => connection.terminate())
          )
        )
      },
      violated: (_, violation) => say(`a client of the socket was cut off: ${violation.reason}`)
    }

    const socket = yield* bind<Connection>(options.socketPath, {
      open: (wire) => {
        const connection = new Connection(
          {
            write: (bytes) => wire.write(bytes),
            pause: () => wire.pause(),
            resume: () => wire.resume(),
            shutdown: () => wire.shutdown(),
            terminate: () => wire.terminate()
          },
          owner
        )
        wire.data = connection
        connections.add(connection)
        if (stopping) connection.turnAway(new ServiceStopping({ retryAfterSeconds: 1 }))
        else if (connections.size > options.maxConnections) {
          connection.turnAway(
            new LimitExceeded({ limit: "clients", value: options.maxConnections, retryAfterSeconds: 1 })
          )
        }
      },
      data: (wire, chunk) => wire.data.receive(chunk),
      drain: (wire) => wire.data.drained(),
      close: (wire) => {
        connections.delete(wire.data)
        wire.data.closed()
      },
      error: (wire) => wire.data.terminate()
    })

    const stop = Effect.sync(() => {
      stopping = true
      socket.unlink()
      socket.stop()
    })

    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        stop,
        Effect.sync(() => {
          for (const connection of connections) {
            connection.end()
            connection.terminate()
          }
        })
      )
    )

    yield* watchForStalls(connections, options.stallTimeout, now, say)

    return IpcServer.of({
      path: options.socketPath,
      connections: () => connections.size,
      inFlight: () => activity.count,
      drain: Effect.zipRight(
        stop,
        Effect.async<void>((resume) => {
          const revoke = activity.whenIdle(() => resume(Effect.void))
          return Effect.sync(revoke)
        })
      )
    })
  })

/** Looks at all connections now and then: one timer for all, not one per frame. */
const watchForStalls = (
  connections: ReadonlySet<Connection>,
  stallTimeout: Duration.Duration,
  now: () => number,
  say: (message: string) => void
) => {
  const limit = Duration.toMillis(stallTimeout)
  return Effect.sleep(Duration.millis(Math.max(1, limit / 8))).pipe(
    Effect.andThen(
      Effect.sync(() => {
        const at = now()
        for (const connection of connections) {
          const since = connection.stalledSince
          if (since === null || at - since < limit) continue
          say(`a client of the socket was cut off: it stalled for ${Math.round((at - since) / 1000)} s`)
          connection.terminate()
        }
      })
    ),
    Effect.forever,
    Effect.forkScoped
  )
}

const unknownCommand = (code: number, name: CommandName | null): InvalidRequest =>
  new InvalidRequest({
    violations: [
      {
        field: "command",
        value: code,
        message: name === null ? "no command has this number" : `${name} is not available in this version`
      }
    ]
  })

/** The server on the configured socket; `httpUrl` is where the same service takes HTTP from this machine. */
export const layer = (
  httpUrl: string
): Layer.Layer<
  IpcServer,
  SocketStartError,
  ServerConfig | BodyBudget | Router | Scheduler | Functions | LogPipeline
> =>
  Layer.scoped(
    IpcServer,
    Effect.flatMap(ServerConfig, ({ logsDir, maxRequestBytes, socketPath }) =>
      make({
        ...defaultIpcOptions,
        socketPath,
        maxRequestBytes,
        about: { http_url: httpUrl, logs_dir: logsDir }
      })
    )
  )
