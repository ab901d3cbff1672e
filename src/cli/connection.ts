import { Effect, type Scope } from "effect"
import type { FunctionsClient } from "../client/index.ts"
import { serverOptions } from "../config/OptionTable.ts"
import { defaultOptions } from "../config/ServerConfig.ts"
import { CliFailure, ExitCode, splitAdvice, usage } from "./CliFailure.ts"
import { option } from "./CommandLine.ts"
import { fieldLabel, withFlags } from "./flagWords.ts"

// The server and its clients are told of the socket by the same variable.
const variableOf = (key: string): string => serverOptions.find((row) => row.key === key)?.env ?? ""
const SOCKET_VARIABLE = variableOf("socketPath")
const KEY_VARIABLE = variableOf("apiKey")
const DEFAULT_SOCKET = defaultOptions().socketPath

/** Where the server is: flags of every command that talks to one. */
export const connectionFlags = {
  socket: option("socket", "PATH", `Unix socket of the server (${SOCKET_VARIABLE}).`, {
    fallback: DEFAULT_SOCKET
  }),
  url: option("url", "URL", "Talk HTTP to this server instead, e.g. http://127.0.0.1:8080."),
  apiKey: option(
    "api-key",
    "KEY",
    `API key for --url. Better set ${KEY_VARIABLE}: flags are visible to all users of the machine.`
  )
}

export interface ConnectionChoice {
  readonly socket: string | undefined
  readonly url: string | undefined
  readonly apiKey: string | undefined
}

export interface Connection {
  /** Runs one call of the client; its failures become words. An interruption gives the call up. */
  readonly call: <A>(
    use: (client: FunctionsClient, signal: AbortSignal) => Promise<A>
  ) => Effect.Effect<A, CliFailure>
  /** Where this server takes HTTP, and where its log files are: null where it does not tell. */
  readonly whereabouts: Effect.Effect<{ readonly httpUrl: string | null; readonly logsDir: string | null }>
  /** The flags that lead here again, for lines that are printed to be typed; begins with a space unless empty. */
  readonly flags: string
  /** Null for a socket. */
  readonly url: string | null
}

/** Connects as the flags and the environment say. The connection is closed with the scope. */
export const connect = ({
  socket,
  url,
  apiKey
}: ConnectionChoice): Effect.Effect<Connection, CliFailure, Scope.Scope> =>
  Effect.gen(function* () {
    if (socket !== undefined && url !== undefined)
      return yield* usage("--socket and --url exclude each other")
    if (apiKey !== undefined && url === undefined) {
      return yield* usage("--api-key is for --url; a socket needs no key", "its file's permissions guard it")
    }
    if (url !== undefined && !/^https?:\/\/[^/]/i.test(url)) {
      return yield* usage(`--url cannot be "${url}"`, "use a URL such as http://127.0.0.1:8080")
    }
    const place = url === undefined ? null : /^(https?:\/\/[^/]+.*?)\/(functions|api)(\/|$)/i.exec(url)
    if (place !== null) {
      const what = place[2] === "api" ? "the management API" : "a function"
      return yield* usage(
        `--url is the address of a server, and "${url}" is that of ${what}`,
        `use: --url ${place[1]}`
      )
    }
    const { connectHttp, connectSocket, socketPathTooLong } = yield* Effect.promise(
      () => import("../client/index.ts")
    )
    const path = socket ?? (process.env[SOCKET_VARIABLE] || DEFAULT_SOCKET)
    const tooLong = url === undefined ? socketPathTooLong(path) : null
    if (tooLong !== null) {
      const given = socket === undefined ? SOCKET_VARIABLE : "--socket"
      return yield* usage(
        `${given} cannot be "${path}": ${tooLong}`,
        "give the path that the server was started with"
      )
    }
    const key = apiKey ?? (process.env[KEY_VARIABLE] || undefined)
    const client = yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: async () =>
          url === undefined
            ? await connectSocket(path)
            : await connectHttp(url, key === undefined ? {} : { apiKey: key }),
        catch: failureOf
      }),
      (opened) => Effect.promise(() => opened.close()).pipe(Effect.ignore)
    )
    return {
      call: (use) => Effect.tryPromise({ try: (signal) => use(client, signal), catch: failureOf }),
      whereabouts:
        url === undefined
          ? Effect.tryPromise((signal) => client.ping({ signal, timeoutMs: PING_PATIENCE_MS })).pipe(
              Effect.orElseSucceed(() => ({ httpUrl: null, logsDir: null }))
            )
          : Effect.succeed({ httpUrl: url.replace(/\/+$/, ""), logsDir: null }),
      flags: url === undefined ? (socket === undefined ? "" : ` --socket ${socket}`) : ` --url ${url}`,
      url: url === undefined ? null : url.replace(/\/+$/, "")
    }
  })

/** What is asked beside an answer must not hold it up. */
const PING_PATIENCE_MS = 500

/** The client's errors, told by their names: importing its classes would load it before it is needed. */
const failureOf = (cause: unknown): CliFailure => {
  if (!(cause instanceof Error)) return new CliFailure({ exitCode: ExitCode.failed, what: String(cause) })
  if (cause.name === "ConnectionError") {
    return new CliFailure({
      exitCode: ExitCode.unreachable,
      next: "start a server with: bunbase serve   (another one: --socket PATH or --url URL)",
      ...splitAdvice(cause.message)
    })
  }
  if (!isRefusal(cause)) {
    const [first = ""] = cause.message.split("\n")
    return new CliFailure({ exitCode: ExitCode.failed, ...splitAdvice(first) })
  }
  const problem = problemOf(cause)
  if (cause.violations.length > 0) {
    return new CliFailure({
      problem,
      exitCode: ExitCode.usage,
      what: `${cause.code}: ${cause.violations.length === 1 ? "this is" : "these are"} not accepted`,
      details: cause.violations.map(({ field, message }) =>
        field === "" ? withFlags(message) : `${fieldLabel(field)}: ${withFlags(message)}`
      )
    })
  }
  // What a failed deployment left comes last.
  const [said, finding = "", left] = /^([^]*?)[;\n] ?(nothing was deployed[^\n]*)$/.exec(cause.message) ?? []
  const lines = (said === undefined ? cause.message : finding).split("\n")
  if (lines.length > 1) {
    return new CliFailure({
      problem,
      exitCode: ExitCode.failed,
      what: `${cause.code}: ${cause.title}`,
      details: lines,
      ...(left === undefined ? {} : { next: left })
    })
  }
  const { what, next } =
    left === undefined
      ? splitAdvice(cause.code === "FN_006" ? withFlags(cause.message) : cause.message)
      : { what: finding, next: left }
  const advice = cause.status === 401 ? `set ${KEY_VARIABLE} to the server's key` : next
  const details = invocationDetails(cause)
  return new CliFailure({
    problem,
    exitCode: cause.code === "FN_006" ? ExitCode.usage : ExitCode.failed,
    what: `${cause.code}: ${what}`,
    ...(details.length === 0 ? {} : { details }),
    ...(advice === undefined ? {} : { next: advice }),
    ...(cause.invocationId === null ? {} : { invocationId: cause.invocationId })
  })
}

/** The fields that the service gave, as its problem over HTTP has them. */
const problemOf = (cause: Refusal): Readonly<Record<string, unknown>> => ({
  code: cause.code,
  title: cause.title,
  status: cause.status,
  detail: cause.message,
  retryable: cause.retryable,
  ...given({
    retry_after_seconds: cause.retryAfterSeconds,
    invocation_id: cause.invocationId,
    violations: cause.violations.length === 0 ? null : cause.violations,
    file: cause.file,
    line: cause.line,
    column: cause.column
  })
})
const given = (fields: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

/** What a caller may want to know of the invocation itself. */
const invocationDetails = ({ code, invocationId, message, retryable }: Refusal): ReadonlyArray<string> => [
  // What was refused at the door leaves no record: its id leads nowhere.
  ...(invocationId === null || code === "FN_001" || code === "FN_006" ? [] : [`invocation ${invocationId}`]),
  ...(!retryable || message.includes("try again")
    ? []
    : [
        MAY_HAVE_RUN.has(code)
          ? "retryable, but it may have run already: try again if running twice does no harm"
          : "retryable: trying again later may help"
      ])
]
const MAY_HAVE_RUN: ReadonlySet<string> = new Set(["FN_002", "FN_003", "FN_004"])

interface Refusal extends Error {
  readonly code: string
  readonly status: number
  readonly title: string
  readonly retryable: boolean
  readonly retryAfterSeconds: number | null
  readonly invocationId: string | null
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
  readonly violations: ReadonlyArray<{ readonly field: string; readonly message: string }>
}
const isRefusal = (cause: Error): cause is Refusal => cause.name === "FunctionsError"
