import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import { STATUS_CODES } from "node:http"
import type { InvokeResult } from "../client/index.ts"
import { CliFailure, ExitCode, silent, usage } from "./CliFailure.ts"
import { argument, command, option, repeatedOption, toggle } from "./CommandLine.ts"
import { type Connection, connect, connectionFlags } from "./connection.ts"
import { print, withProgress } from "./Output.ts"
import { shellWord } from "./commandWord.ts"

export const invoke = command({
  name: "invoke",
  summary: "call a function and print its answer",
  details: [
    "The body goes to stdout as it is, to the byte; on a terminal a line break is added where it has none. The exit code is 0 for a status below 400, and 1 otherwise; an error of the " +
      "service (time-out, crash, full queue) goes to stderr with its code."
  ],
  parameters: {
    name: argument("NAME", "the function's name or id"),
    method: option("method", "METHOD", "HTTP method.", { alias: "X", fallback: "GET, or POST with --data" }),
    path: option("path", "/PATH", "Path and query that the function sees.", { alias: "p", fallback: "/" }),
    header: repeatedOption("header", "'NAME: VALUE'", "A request header.", "H"),
    data: option("data", "DATA", "The body: a text, @FILE for a file's bytes, or - for stdin.", {
      alias: "d"
    }),
    include: toggle(
      "include",
      "Print the status line and the headers, the invocation's id among them, before the body, as curl -i does.",
      "i"
    ),
    ...connectionFlags
  },
  examples: [
    "bunbase fn invoke hello --path '/?name=Alice'",
    `bunbase fn invoke json-api --path /items --data '{"title":"buy milk"}' -H 'content-type: application/json' -i`,
    "bunbase fn invoke json-api --path /items --data @item.json",
    "tar c src | bunbase fn invoke backup --data - > receipt.json"
  ],
  run: ({ name, method, path, header, data, include, ...choice }) =>
    Effect.gen(function* () {
      const headers = yield* Effect.forEach(header, parseHeader)
      if (method !== undefined && !/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(method)) {
        return yield* usage(`--method cannot be "${method}"`, "use a method such as GET, POST or PURGE")
      }
      if (path !== undefined && !path.startsWith("/")) {
        return yield* usage(`--path must begin with "/": "${path}"`, `did you mean /${path}?`)
      }
      const body = data === undefined ? undefined : yield* readBody(data)
      const { call, whereabouts } = yield* connect(choice)
      const answer = yield* withProgress(
        `waiting for ${name}`,
        call((client, signal) =>
          client.invoke(name, {
            signal,
            headers,
            method: method?.toUpperCase() ?? (body === undefined ? "GET" : "POST"),
            ...(path === undefined ? {} : { path }),
            ...(body === undefined ? {} : { body })
          })
        )
      ).pipe(Effect.catchAll((failure) => Effect.flatMap(withLog(failure, whereabouts), Effect.fail)))
      if (include) yield* print(head(answer))
      yield* print(answer.body)
      // For the eye only: what is piped or redirected stays exact.
      if (process.stdout.isTTY === true && answer.body.length > 0 && answer.body.at(-1) !== NEWLINE) {
        yield* print("\n")
      }
      if (answer.status >= 400) {
        // The answer has been printed; a sentence about it would only be in the way of --include and scripts.
        return yield* silent(ExitCode.failed)
      }
    }).pipe(Effect.scoped)
})

const NEWLINE = 0x0a
const ID_HEADER = "x-invocation-id"

/** As the answer would begin over HTTP: the gateway's own header among the function's. */
const head = ({ executionId, headers, status }: InvokeResult): string =>
  [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd(),
    ...headers.filter(([name]) => name !== ID_HEADER).map(([name, value]) => `${name}: ${value}`),
    `${ID_HEADER}: ${executionId}`,
    "\r\n"
  ].join("\r\n")

/** Failures whose cause is in the log: the function ran, or its workers did not come up. */
const TOLD_IN_LOG = /^FN_00[2348]: /

/** The failure, and where its log lines are. */
const withLog = (failure: CliFailure, whereabouts: Connection["whereabouts"]): Effect.Effect<CliFailure> => {
  const { invocationId, what } = failure
  if (invocationId === undefined || what === null || !TOLD_IN_LOG.test(what)) return Effect.succeed(failure)
  return Effect.map(whereabouts, ({ logsDir }) => {
    const place =
      logsDir === null
        ? `in the log files of the server's machine (data/logs): grep ${invocationId} data/logs/*.jsonl`
        : `in the function's log: grep ${invocationId} ${shellWord(logsDir)}/*.jsonl`
    return failure.but({ next: `more of it is ${place}` })
  })
}

const parseHeader = (text: string): Effect.Effect<readonly [string, string], CliFailure> => {
  const colon = text.indexOf(":")
  const name = text.slice(0, colon).trim()
  const value = text.slice(colon + 1).trim()
  return colon < 0 || !/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || /[\r\n\0]/.test(value)
    ? usage(
        `this is not a header: "${text}"`,
        "write it as 'name: value', for example -H 'accept: text/html'"
      )
    : Effect.succeed([name.toLowerCase(), value])
}

const readBody = (data: string): Effect.Effect<string | Uint8Array, CliFailure> => {
  if (data !== "-" && !data.startsWith("@")) return Effect.succeed(data)
  const file = data.slice(1)
  return Effect.tryPromise({
    try: () => (data === "-" ? Bun.stdin.bytes() : readFile(file)),
    catch: (cause) => {
      const code = cause instanceof Error && "code" in cause ? cause.code : undefined
      const why =
        code === "ENOENT"
          ? "there is no such file"
          : code === "EISDIR"
            ? "this is a folder"
            : cause instanceof Error
              ? cause.message
              : String(cause)
      return new CliFailure({
        exitCode: ExitCode.failed,
        what: `cannot read ${data === "-" ? "stdin" : file}: ${why}`,
        next: "after @ comes the name of a file; a text that begins with @ can come through stdin: --data -"
      })
    }
  })
}
