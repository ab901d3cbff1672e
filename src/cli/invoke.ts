import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import { STATUS_CODES } from "node:http"
import type { InvokeResult } from "../client/index.ts"
import { CliFailure, ExitCode, silent, usage } from "./CliFailure.ts"
import { argument, command, option, repeatedOption, toggle } from "./CommandLine.ts"
import { connect, connectionFlags } from "./connection.ts"
import { print, withProgress } from "./Output.ts"

export const invoke = command({
  name: "invoke",
  summary: "call a function and print its answer",
  details: [
    "The body goes to stdout as it is, to the byte. The exit code is 0 for a status below 400, and 1 otherwise; an error of the " +
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
      "Print the status line and the headers before the body, as curl -i does.",
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
      const { call } = yield* connect(choice)
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
      )
      if (include) yield* print(head(answer))
      yield* print(answer.body)
      if (answer.status >= 400) {
        // The answer has been printed; a sentence about it would only be in the way of --include and scripts.
        return yield* silent(ExitCode.failed)
      }
    }).pipe(Effect.scoped)
})

const head = ({ status, headers }: InvokeResult): string =>
  [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd(),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    "\r\n"
  ].join("\r\n")

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
