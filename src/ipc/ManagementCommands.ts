import { Effect, Schema } from "effect"
import {
  InternalFault,
  InvalidRequest,
  LimitExceeded,
  type ManagementError,
  PayloadTooLarge
} from "../domain/Errors.ts"
import type { Reached } from "../domain/FaultPoint.ts"
import { RegisterFunction } from "../domain/FunctionSpec.ts"
import type { Functions } from "../deploy/Functions.ts"
import { SocketStatus } from "../protocol/ErrorTable.ts"
import { MAX_PAYLOAD_BYTES } from "../protocol/socket/Frame.ts"
import {
  DeployFunctionByPath,
  DeployFunctionByUpload,
  FunctionById,
  type ManagementCommand,
  Nothing,
  RollbackFunction,
  VersionByLabel
} from "../protocol/socket/Payloads.ts"
import { decodeRequest } from "../protocol/violations.ts"
import type { BodyBudget } from "../router/BodyBudget.ts"
import type { Activity } from "./Activity.ts"
import type { Ticket } from "./Connection.ts"

export interface ManagementOptions {
  /** Commands that run at once, over all connections. */
  readonly maxRunning: number
  /** Commands that wait for that, over all connections; past it they are refused (FN_007). */
  readonly maxWaiting: number
}

/** Every command but a deployment with its bundle fits in this many times over. */
const MAX_REQUEST_BYTES = 1024 * 1024

type Run = (payload: unknown) => Effect.Effect<unknown, ManagementError>

const has = (payload: unknown, field: string): boolean =>
  typeof payload === "object" && payload !== null && Object.hasOwn(payload, field)

const decodeByPath = decodeRequest(DeployFunctionByPath)
const decodeByUpload = decodeRequest(DeployFunctionByUpload)

/** Which of the two it is follows from the field that is there: what is then wrong is said about that one only. */
const decodeDeployment = (
  payload: unknown
): Effect.Effect<typeof DeployFunctionByUpload.Type | typeof DeployFunctionByPath.Type, InvalidRequest> =>
  (has(payload, "bundle") ? decodeByUpload : decodeByPath)(payload)

/** What each command does: its request decoded, its use case, its answer. */
const runs = (functions: Functions["Type"]): { readonly [C in Exclude<ManagementCommand, "PING">]: Run } => {
  const decoding = <A, I>(
    schema: Schema.Schema<A, I>,
    run: (request: A) => Effect.Effect<unknown, ManagementError>
  ): Run => {
    const decode = decodeRequest(schema)
    return (payload) => Effect.flatMap(decode(payload), run)
  }
  return {
    REGISTER_FUNCTION: decoding(RegisterFunction, functions.register),
    DEPLOY_FUNCTION: (payload) =>
      Effect.flatMap(decodeDeployment(payload), ({ function_id, ...request }) =>
        functions.deploy(function_id, request)
      ),
    GET_FUNCTION: decoding(FunctionById, ({ function_id }) => functions.get(function_id)),
    GET_FUNCTION_VERSIONS: decoding(FunctionById, ({ function_id }) =>
      Effect.map(functions.versions(function_id), (versions) => ({ versions }))
    ),
    DELETE_FUNCTION: decoding(FunctionById, ({ function_id }) => functions.deleteFunction(function_id)),
    DELETE_VERSION: decoding(VersionByLabel, ({ function_id, version }) =>
      functions.deleteVersion(function_id, version)
    ),
    ROLLBACK_FUNCTION: decoding(RollbackFunction, ({ function_id, ...request }) =>
      functions.rollback(function_id, request)
    ),
    RESET_FUNCTION: decoding(FunctionById, ({ function_id }) => functions.reset(function_id)),
    LIST_FUNCTIONS: decoding(Nothing, () => Effect.map(functions.list, (list) => ({ functions: list })))
  }
}

/**
 * Runs management commands, a few at a time: they go to the disk, and invocations on the same connection must not wait for
 * them. A command that has begun is finished even when its client leaves; one that still waits is dropped then.
 */
export const makeManagementCommands = (
  functions: Functions["Type"],
  options: ManagementOptions,
  activity: Activity,
  budget: BodyBudget["Type"],
  reached: Reached,
  reportDefect: (defect: unknown) => void
) =>
  Effect.map(Effect.makeSemaphore(options.maxRunning), (turns) => {
    const commands = runs(functions)
    /** Those that run included: who has just come does not run yet. */
    let pending = 0

    const answered = (ticket: Ticket, run: Effect.Effect<unknown, ManagementError>) =>
      run.pipe(
        Effect.map((answer) => {
          reached("answer:ready")
          const fits = ticket.answer(SocketStatus.OK, JSON.stringify(answer))
          if (!fits) ticket.refuse(new PayloadTooLarge({ what: "the answer", limitBytes: MAX_PAYLOAD_BYTES }))
          reached("answer:written")
        }),
        Effect.catchAll((error) => Effect.sync(() => ticket.refuse(error))),
        Effect.catchAllDefect((defect) =>
          Effect.sync(() => {
            reportDefect(defect)
            ticket.refuse(new InternalFault())
          })
        )
      )

    return {
      /** An effect that runs the command and answers the ticket, or null where it is answered already. */
      start: (
        ticket: Ticket,
        command: Exclude<ManagementCommand, "PING">,
        payload: Uint8Array
      ): Effect.Effect<void> | null => {
        if (pending >= options.maxRunning + options.maxWaiting) {
          ticket.refuse(
            new LimitExceeded({ limit: "management", value: options.maxWaiting, retryAfterSeconds: 1 })
          )
          return null
        }
        if (payload.length > MAX_REQUEST_BYTES && command !== "DEPLOY_FUNCTION") {
          ticket.refuse(new PayloadTooLarge({ what: "the payload", limitBytes: MAX_REQUEST_BYTES }))
          return null
        }
        const parsed = parsePayload(payload)
        if (parsed instanceof InvalidRequest) {
          ticket.refuse(parsed)
          return null
        }
        const run = commands[command](parsed.value)
        pending += 1
        // Counted apart from the ticket, which goes with the client: a shutdown waits for the command itself, and what it
        // was given stays until its end.
        activity.begin()
        const bytes = ticket.takeOver()
        return turns
          .withPermits(1)(Effect.suspend(() => (ticket.wanted ? answered(ticket, run) : Effect.void)))
          .pipe(
            Effect.ensuring(
              Effect.sync(() => {
                pending -= 1
                budget.giveBack(bytes)
                activity.end()
              })
            )
          )
      }
    }
  })

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** A payload's JSON; an empty payload counts as `{}`. */
export const parsePayload = (payload: Uint8Array): { readonly value: unknown } | InvalidRequest => {
  if (payload.length === 0) return { value: {} }
  let text: string
  try {
    text = utf8.decode(payload)
  } catch {
    return new InvalidRequest({ violations: [{ field: "", message: "the payload is not UTF-8" }] })
  }
  try {
    return { value: JSON.parse(text) }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 200) : "not JSON"
    return new InvalidRequest({ violations: [{ field: "", message: `the payload is not JSON: ${reason}` }] })
  }
}
