import { Either, Schema } from "effect"
import { SocketStatus } from "../protocol/ErrorTable.ts"
import { Command } from "../protocol/socket/Commands.ts"
import { MAX_DEADLINE_MS } from "../protocol/socket/InvokeRequest.ts"
import { decodeError } from "../protocol/socket/ErrorPayload.ts"
import { InvokeAnswer, type ManagementCommand, managementPayloads } from "../protocol/socket/Payloads.ts"
import { FunctionsError, ProtocolError } from "./ClientErrors.ts"
import type {
  CallOptions,
  DeployInput,
  FunctionsClient,
  InvokeRequest,
  InvokeResult
} from "./FunctionsClient.ts"
import { checkReference, headerMap, invokeMessage, invokeResult } from "./InvokeMessage.ts"
import { SocketCalls, type SocketCallsOptions } from "./SocketCalls.ts"

export type SocketOptions = Partial<SocketCallsOptions>

/**
 * The service on its unix socket. Rejects with `ConnectionError` where no server listens there.
 *
 * When the connection breaks, calls that were sent reject with `ConnectionError` (calls that change nothing are sent once
 * more instead), and a new connection is made, with growing pauses between the attempts; calls made meanwhile wait for it.
 * The server's socket keeps no state for a client, so a call may well be carried out though its answer was lost.
 */
export const connectSocket = async (path: string, options: SocketOptions = {}): Promise<FunctionsClient> => {
  const calls = await SocketCalls.connect(path, { ...defaults, ...options })
  const socket = new SocketTransport(path, calls)
  return {
    address: path,
    register: (input, call) => socket.management("REGISTER_FUNCTION", input, call),
    deploy: (nameOrId, input, call) =>
      socket.management("DEPLOY_FUNCTION", deployment(nameOrId, input), call),
    rollback: (nameOrId, input, call) =>
      socket.management("ROLLBACK_FUNCTION", { function_id: nameOrId, ...input }, call),
    reset: (nameOrId, call) => socket.management("RESET_FUNCTION", { function_id: nameOrId }, call),
    deleteFunction: (nameOrId, call) => socket.management("DELETE_FUNCTION", { function_id: nameOrId }, call),
    deleteVersion: (nameOrId, version, call) =>
      socket.management("DELETE_VERSION", { function_id: nameOrId, version }, call),
    list: async (call) => (await socket.management("LIST_FUNCTIONS", {}, call)).functions,
    get: (nameOrId, call) => socket.management("GET_FUNCTION", { function_id: nameOrId }, call),
    versions: async (nameOrId, call) =>
      (await socket.management("GET_FUNCTION_VERSIONS", { function_id: nameOrId }, call)).versions,
    invoke: (nameOrId, request) => socket.invoke(nameOrId, request ?? {}),
    ping: async (call) => {
      const began = performance.now()
      const { http_url, logs_dir, protocols, runtimes, version } = await socket.management("PING", {}, call)
      return {
        version,
        httpUrl: http_url ?? null,
        logsDir: logs_dir ?? null,
        runtimes: runtimes ?? null,
        protocols,
        roundTripMs: performance.now() - began
      }
    },
    close: () => calls.close()
  }
}

const defaults: SocketCallsOptions = {
  connectTimeoutMs: 5_000,
  maxInFlight: 512,
  maxWaiting: 4_096,
  maxWaitingBytes: 256 * 1024 * 1024,
  reconnectAttempts: 6,
  reconnectFirstDelayMs: 50,
  reconnectMaxDelayMs: 2_000
}

const deployment = (nameOrId: string, input: DeployInput): unknown =>
  "bundlePath" in input
    ? { function_id: nameOrId, version: input.version, bundle_path: input.bundlePath }
    : {
        function_id: nameOrId,
        version: input.version,
        bundle: input.bundle,
        ...(input.sourceMap === undefined ? {} : { source_map: input.sourceMap })
      }

/** What may be sent again when nobody knows whether it arrived. */
const changesNothing: ReadonlySet<ManagementCommand> = new Set([
  "GET_FUNCTION",
  "GET_FUNCTION_VERSIONS",
  "LIST_FUNCTIONS",
  "PING"
])

const decodeInvoke = Schema.decodeUnknownEither(Schema.parseJson(InvokeAnswer))

type Answer<C extends ManagementCommand> = (typeof managementPayloads)[C]["answer"]["Type"]

class SocketTransport {
  readonly #path: string
  readonly #calls: SocketCalls

  constructor(path: string, calls: SocketCalls) {
    this.#path = path
    this.#calls = calls
  }

  async management<C extends ManagementCommand>(
    command: C,
    request: unknown,
    options: CallOptions = {}
  ): Promise<Answer<C>> {
    const retry = changesNothing.has(command)
    const { payload, status } = await this.#calls.call(
      Command[command],
      JSON.stringify(request),
      options,
      retry
    )
    if (status !== SocketStatus.OK) throw this.#refusal(payload)
    const schema = managementPayloads[command].answer as Schema.Schema<Answer<C>, unknown>
    const decoded = Schema.decodeUnknownEither(Schema.parseJson(schema))(payload)
    if (Either.isRight(decoded)) return decoded.right
    throw this.#misunderstood(decoded.left)
  }

  async invoke(nameOrId: string, request: InvokeRequest): Promise<InvokeResult> {
    checkReference(nameOrId)
    const message = invokeMessage(request)
    const payload = JSON.stringify({
      function_id: nameOrId,
      method: message.method,
      url: message.url,
      headers: headerMap(message.headers),
      body: message.body === null ? "" : message.body.toBase64(),
      // The server stops the invocation then; without this it would go on for nobody.
      ...(request.timeoutMs === undefined || request.timeoutMs <= 0
        ? {}
        : { deadline_ms: Math.min(request.timeoutMs, MAX_DEADLINE_MS) })
    })
    const answer = await this.#calls.call(Command.INVOKE, payload, request, false)
    if (answer.status !== SocketStatus.OK) throw this.#refusal(answer.payload)
    const decoded = decodeInvoke(answer.payload)
    if (Either.isLeft(decoded)) throw this.#misunderstood(decoded.left)
    const invoked = decoded.right
    if (!invoked.success) throw new FunctionsError(invoked, invoked.execution_id)
    return invokeResult(
      invoked.status,
      invoked.header_list ?? Object.entries(invoked.headers),
      Uint8Array.fromBase64(invoked.body),
      invoked.execution_id,
      invoked.execution_time_us === undefined ? invoked.execution_time_ms : invoked.execution_time_us / 1000
    )
  }

  #refusal(payload: string): FunctionsError | ProtocolError {
    const problem = decodeError(payload)
    return problem === null ? this.#misunderstood(payload.slice(0, 200)) : new FunctionsError(problem)
  }

  #misunderstood(cause: unknown): ProtocolError {
    const detail = cause instanceof Error ? cause.message.slice(0, 1000) : String(cause)
    return new ProtocolError(
      `the server on ${this.#path} answered something that this client does not understand: ${detail}`,
      this.#path,
      cause
    )
  }
}
