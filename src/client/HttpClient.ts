import { Either, Schema } from "effect"
import { VersionLabel } from "../domain/Ids.ts"
import {
  DeploymentView,
  FunctionDeletion,
  FunctionList,
  FunctionView,
  ResetView,
  RollbackView,
  VersionDeletion,
  VersionList
} from "../protocol/Management.ts"
import { Problem } from "../protocol/Problem.ts"
import { decodeRequest } from "../protocol/violations.ts"
import { ConnectionError, FunctionsError, ProtocolError } from "./ClientErrors.ts"
import type {
  CallOptions,
  DeployInput,
  FunctionsClient,
  InvokeRequest,
  InvokeResult
} from "./FunctionsClient.ts"
import { watchOptions } from "./GivingUp.ts"
import { checkReference, invalid, invokeMessage, invokeResult } from "./InvokeMessage.ts"

export interface HttpOptions {
  /** Sent as `Authorization: Bearer`, unless a call brings an `authorization` of its own. */
  readonly apiKey?: string
}

/**
 * The service over HTTP, e.g. `http://127.0.0.1:8080`. Nothing is sent before the first call. Calls that change nothing are
 * tried once more when the connection breaks under them.
 */
export const connectHttp = async (url: string, options: HttpOptions = {}): Promise<FunctionsClient> => {
  const base = parseBase(url)
  const http = new HttpTransport(base, options.apiKey)
  return {
    address: base,
    register: (input, call) => http.management(FunctionView, "POST", "/api/functions", input, call),
    deploy: async (nameOrId, input, call) =>
      http.management(
        DeploymentView,
        "POST",
        `/api/functions/${segment(nameOrId)}/deploy`,
        deployBody(input),
        call
      ),
    rollback: async (nameOrId, input, call) =>
      http.management(
        RollbackView,
        "POST",
        `/api/functions/${segment(nameOrId)}/rollback`,
        input ?? {},
        call
      ),
    reset: async (nameOrId, call) =>
      http.management(ResetView, "POST", `/api/functions/${segment(nameOrId)}/reset`, undefined, call),
    deleteFunction: async (nameOrId, call) =>
      http.management(FunctionDeletion, "DELETE", `/api/functions/${segment(nameOrId)}`, undefined, call),
    deleteVersion: async (nameOrId, version, call) =>
      http.management(
        VersionDeletion,
        "DELETE",
        `/api/functions/${segment(nameOrId)}/versions/${labelSegment(version)}`,
        undefined,
        call
      ),
    list: async (call) =>
      (await http.management(FunctionList, "GET", "/api/functions", undefined, call)).functions,
    get: async (nameOrId, call) =>
      http.management(FunctionView, "GET", `/api/functions/${segment(nameOrId)}`, undefined, call),
    versions: async (nameOrId, call) =>
      (
        await http.management(
          VersionList,
          "GET",
          `/api/functions/${segment(nameOrId)}/versions`,
          undefined,
          call
        )
      ).versions,
    invoke: (nameOrId, request) => http.invoke(nameOrId, request ?? {}),
    ping: async (call) => {
      const began = performance.now()
      await http.health(call)
      return {
        version: null,
        httpUrl: base,
        logsDir: null,
        runtimes: null,
        protocols: {},
        roundTripMs: performance.now() - began
      }
    },
    close: () => http.close()
  }
}

const parseBase = (url: string): string => {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
    throw new ConnectionError(
      `"${url}" is not the URL of a server; use one such as http://127.0.0.1:8080`,
      url,
      "not_sent"
    )
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`
}

const segment = (nameOrId: string): string => {
  checkReference(nameOrId)
  return encodeURIComponent(nameOrId.toWellFormed())
}

const decodeLabel = decodeRequest(Schema.Struct({ version: VersionLabel }))

const labelSegment = (version: string): string => {
  const label = decodeLabel({ version })
  if (Either.isLeft(label)) throw invalid(label.left.violations)
  return encodeURIComponent(label.right.version)
}

const deployBody = (input: DeployInput): unknown =>
  "bundlePath" in input
    ? { version: input.version, bundle_path: input.bundlePath }
    : {
        version: input.version,
        bundle: input.bundle,
        ...(input.sourceMap === undefined ? {} : { source_map: input.sourceMap })
      }

const decodeProblem = Schema.decodeUnknownEither(Schema.parseJson(Problem))

class HttpTransport {
  readonly #base: string
  readonly #apiKey: string | undefined
  readonly #closing = new AbortController()

  constructor(base: string, apiKey: string | undefined) {
    this.#base = base
    this.#apiKey = apiKey
  }

  async management<A, I>(
    schema: Schema.Schema<A, I>,
    method: "DELETE" | "GET" | "POST",
    path: string,
    body: unknown,
    options: CallOptions = {}
  ): Promise<A> {
    const headers = new Headers({ accept: "application/json" })
    if (body !== undefined) headers.set("content-type", "application/json")
    const init: BunFetchRequestInit = {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    }
    const send = () => this.#send(path, init, options, (response) => response.text())
    const [response, text] = await (method === "GET" ? this.#twice(send) : send())
    if (!response.ok) throw this.#refusal(response, text)
    const decoded = Schema.decodeUnknownEither(Schema.parseJson(schema))(text)
    if (Either.isRight(decoded)) return decoded.right
    throw new ProtocolError(
      `${this.#base} answered something that this client does not understand: ${decoded.left.message.slice(0, 1000)}`,
      this.#base,
      decoded.left
    )
  }

  async invoke(nameOrId: string, request: InvokeRequest): Promise<InvokeResult> {
    const prefix = `/functions/${segment(nameOrId)}`
    const message = invokeMessage(request)
    const path = prefix + message.url
    // A path that climbs out of the function's own would be resolved before it is sent.
    if (!new URL(this.#base + path).pathname.startsWith(`${new URL(this.#base + prefix).pathname}/`)) {
      throw invalid([
        { field: "path", value: message.url, message: "a path cannot climb above its root with '..'" }
      ])
    }
    const headers = new Headers()
    for (const [name, value] of message.headers) {
      try {
        headers.append(name, value)
      } catch {
        throw invalid([{ field: `headers.${name}`, message: "this cannot be a header" }])
      }
    }
    const [response, body] = await this.#send(
      path,
      {
        method: message.method,
        headers,
        redirect: "manual",
        decompress: false,
        ...(message.body === null ? {} : { body: message.body })
      },
      request,
      (one) => one.bytes()
    )
    const refusal = response.headers.has("x-function-error")
      ? this.#refusal(response, new TextDecoder().decode(body))
      : null
    // A function may answer with such a header itself; without a problem in the body it is an answer like any other.
    if (refusal instanceof FunctionsError) throw refusal
    return invokeResult(
      response.status,
      [...response.headers],
      body,
      response.headers.get("x-invocation-id") ?? "",
      null
    )
  }

  async health(options: CallOptions = {}): Promise<void> {
    const [response, text] = await this.#twice(() => this.#send("/health", {}, options, (one) => one.text()))
    if (!response.ok) throw this.#refusal(response, text)
  }

  async close(): Promise<void> {
    this.#closing.abort(
      new ConnectionError("the client was closed while this call was in flight", this.#base, "unknown")
    )
  }

  /** For calls that change nothing. */
  async #twice<A>(send: () => Promise<A>): Promise<A> {
    try {
      return await send()
    } catch (error) {
      if (!(error instanceof ConnectionError) || error.delivery !== "unknown" || this.#closing.signal.aborted)
        throw error
      return await send()
    }
  }

  async #send<A>(
    path: string,
    init: BunFetchRequestInit,
    options: CallOptions,
    read: (response: Response) => Promise<A>
  ): Promise<readonly [Response, A]> {
    options.signal?.throwIfAborted()
    if (this.#closing.signal.aborted) {
      throw new ConnectionError("the client is closed; connect again", this.#base, "not_sent")
    }
    const headers = new Headers(init.headers ?? {})
    if (this.#apiKey !== undefined && !headers.has("authorization")) {
      headers.set("authorization", `Bearer ${this.#apiKey}`)
    }
    const controller = new AbortController()
    const giveUp = (reason: unknown) => controller.abort(reason)
    const close = () => giveUp(this.#closing.signal.reason)
    this.#closing.signal.addEventListener("abort", close, { once: true })
    const dispose = watchOptions(options, giveUp)
    try {
      const response = await fetch(this.#base + path, { ...init, headers, signal: controller.signal })
      return [response, await read(response)]
    } catch (cause) {
      if (controller.signal.aborted) throw controller.signal.reason
      throw this.#unreachable(cause)
    } finally {
      dispose()
      this.#closing.signal.removeEventListener("abort", close)
    }
  }

  #refusal(response: Response, text: string): FunctionsError | ProtocolError {
    const problem = decodeProblem(text)
    if (Either.isRight(problem)) {
      return new FunctionsError(problem.right, response.headers.get("x-invocation-id") ?? undefined)
    }
    return new ProtocolError(
      `${this.#base} answered ${response.status} without saying why; is a functions service listening there?`,
      this.#base
    )
  }

  #unreachable(cause: unknown): ConnectionError {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
    const neverSent = ["ConnectionRefused", "ECONNREFUSED", "FailedToOpenSocket", "ENOTFOUND", "DNSException"]
    if (neverSent.some((one) => code.includes(one))) {
      return new ConnectionError(
        `no server is listening on ${this.#base}; start one with: bunbase serve`,
        this.#base,
        "not_sent",
        cause
      )
    }
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new ConnectionError(
      `the connection to ${this.#base} broke before the answer: ${reason}`,
      this.#base,
      "unknown",
      cause
    )
  }
}
