import { Schema } from "effect"
import type { CaseContext } from "../model/Case.ts"
import { CaseFailure } from "../model/Case.ts"
import type { Mistake } from "../data/Mistakes.ts"
import { stepKind, type StepKind } from "../data/steps.ts"
import { matcherMistakes, type Captured, filled } from "../worker/matchers/match.ts"
import type { Bench } from "./Bench.ts"
import { check, problemOf } from "./check.ts"
import type { HttpResponse } from "./client/HttpResponse.ts"
import { type Answer, Command, type CommandName, type SocketClient } from "./client/SocketClient.ts"
import { type Door, type Echo, type Fn, uniqueName } from "./Door.ts"

/** What the steps of one case work on. */
export interface Session {
  readonly bench: Bench
  readonly door: Door
  readonly context: CaseContext
  /** The function that the case calls; null where it names none. */
  readonly fn: Fn | null
  readonly captured: Captured
  /** For `{new}`: a name that nobody has. */
  readonly fresh: string
  socket: SocketClient | null
}

export const newSession = (bench: Bench, fn: Fn | null): Session => ({
  bench,
  door: bench.server,
  context: bench.context,
  fn,
  captured: new Map(),
  fresh: uniqueName(),
  socket: null
})

const PLACES = ["new", "name", "id", "host", "runtime"] as const

/** Texts with `{name}`, `{id}`, `{new}`, `{host}` and `{runtime}` filled in, and what `$ref` names. */
const fill = <A extends object>(value: A, session: Session): A => {
  const { captured, door, fn, fresh } = session
  const places: Record<(typeof PLACES)[number], string> = {
    new: fresh,
    name: fn?.name ?? "",
    id: fn?.id ?? "",
    host: door.address.url?.host ?? "",
    runtime: door.runtime
  }
  const walk = (one: unknown): unknown => {
    if (typeof one === "string") {
      return one.replaceAll(/\{(\w+)\}/g, (all, key: string) =>
        Object.hasOwn(places, key)
          ? places[key as keyof typeof places]
          : captured.has(key)
            ? String(captured.get(key))
            : all
      )
    }
    if (Array.isArray(one)) return one.map(walk)
    if (typeof one !== "object" || one === null) return one
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [walk(key), walk(inner)]))
  }
  // what an expectation refers to may be taken down by the same answer
  const { expect, ...rest } = walk(value) as { readonly expect?: unknown }
  return { ...(filled(rest, captured) as object), ...(expect === undefined ? {} : { expect }) } as A
}

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })
const Headers = Schema.Union(
  Schema.Record({ key: Schema.String, value: Schema.String }),
  Schema.Array(Schema.Tuple(Schema.String, Schema.String))
)
const Matchers = Schema.Record({ key: Schema.String, value: Schema.Unknown })

const HttpExpectation = Schema.Struct({
  status: optional(Schema.Unknown),
  /** By name; the first value of each. */
  headers: optional(Matchers),
  /** By name; all values. */
  all: optional(Matchers),
  text: optional(Schema.Unknown),
  bytes: optional(Schema.Int),
  /** The body's bytes. */
  base64: optional(Schema.String),
  json: optional(Schema.Unknown),
  /** What the fixture saw: `method`, `url`, `headers` by name, `body` in base64. */
  seen: optional(Matchers),
  /** A failure of this code, with everything that failures have; further members of its document in `json`. */
  problem: optional(Schema.String)
})
type HttpExpectation = typeof HttpExpectation.Type

const Request = {
  method: optional(Schema.String),
  headers: optional(Headers),
  body: optional(Schema.String),
  body_base64: optional(Schema.String),
  /** A body of so many bytes. */
  body_bytes: optional(Schema.Int),
  json: optional(Schema.Unknown)
}
const expectation = { expect: HttpExpectation }

interface GivenBody {
  readonly body?: string
  readonly body_base64?: string
  readonly body_bytes?: number
  readonly json?: unknown
}

const bodyOf = ({ body, body_base64, body_bytes, json }: GivenBody): Buffer | undefined => {
  if (body !== undefined) return Buffer.from(body)
  if (body_base64 !== undefined) return Buffer.from(body_base64, "base64")
  if (body_bytes !== undefined) return Buffer.alloc(body_bytes, "x")
  return json === undefined ? undefined : Buffer.from(JSON.stringify(json))
}

const lowerCase = (headers: Readonly<Record<string, unknown>>) =>
  Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)

const checkResponse = (response: HttpResponse, expected: HttpExpectation, { captured }: Session): void => {
  const { all, base64, bytes, headers, json, problem, seen, status, text } = expected
  if (status !== undefined) check("the status", status, response.status, captured)
  if (problem !== undefined) {
    check("the document", { code: problem }, problemOf(response), captured)
  }
  for (const [name, matcher] of lowerCase(headers ?? {})) {
    check(`the header ${name}`, matcher, response.header(name), captured)
  }
  for (const [name, matcher] of lowerCase(all ?? {})) {
    check(`the headers ${name}`, matcher, response.all(name), captured)
  }
  if (text !== undefined) check("the body", text, response.text(), captured)
  if (bytes !== undefined) check("the body's length", bytes, response.body.length, captured)
  if (base64 !== undefined) check("the body in base64", base64, response.body.toString("base64"), captured)
  if (json !== undefined) check("the body", json, response.json(), captured)
  if (seen !== undefined) checkSeen(response.json(), seen, captured)
}

const checkSeen = (
  value: unknown,
  { headers, ...seen }: Readonly<Record<string, unknown>>,
  captured: Captured
): void => {
  const echo = value as Echo | undefined
  if (echo?.headers === undefined) throw new CaseFailure("the function was not reached", { observed: value })
  check("what the handler saw", seen, echo, captured)
  const byName = Object.fromEntries(echo.headers)
  if (headers !== undefined) {
    for (const [name, matcher] of lowerCase(headers as Record<string, unknown>)) {
      check(`the header ${name} that the handler saw`, matcher, byName[name], captured)
    }
  }
}

const matcherParts = (expected: HttpExpectation | undefined): ReadonlyArray<Mistake> =>
  expected === undefined ? [] : matcherMistakes(expected, ["expect"])

const functionOf = ({ fn }: Session): Fn => {
  if (fn === null) throw new CaseFailure("the case names no function")
  return fn
}

const HttpStep = Schema.Struct({
  ...Request,
  ...expectation,
  /** Behind the function's name. */
  path: optional(Schema.String),
  /** The whole target. */
  target: optional(Schema.String)
})
export type HttpStep = typeof HttpStep.Type

/** A request over HTTP, and what its answer has to be. */
export const playHttp = async (given: HttpStep, session: Session): Promise<void> => {
  const { expect, headers, method, path = "", target, ...rest } = fill(given, session)
  const body = bodyOf(rest)
  const response = await session.door.http({
    target: target ?? functionOf(session).target(path),
    ...(method === undefined ? {} : { method }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body })
  })
  checkResponse(response, expect, session)
}

const http = stepKind({
  name: "http",
  schema: HttpStep,
  check: ({ expect, path, target }) => [
    ...matcherParts(expect),
    ...(path !== undefined && target !== undefined
      ? [{ path: ["target"], message: "give path or target" }]
      : [])
  ],
  play: playHttp
})

const api = stepKind({
  name: "api",
  schema: Schema.Struct({
    ...Request,
    ...expectation,
    headers: optional(Schema.Record({ key: Schema.String, value: Schema.String })),
    path: Schema.String
  }),
  check: ({ expect }) => matcherParts(expect),
  play: async (given, session: Session) => {
    const { expect, headers, json, method = "GET", path, ...rest } = fill(given, session)
    const body = json === undefined ? bodyOf(rest) : json
    checkResponse(await session.door.api(method, path, body, headers), expect, session)
  }
})

/** Bytes of HTTP as text with `\r\n` written out; every request on one connection, in order. */
const httpRaw = stepKind({
  name: "http_raw",
  schema: Schema.Struct({
    /** Lines; each gets a CRLF. */
    lines: Schema.Array(Schema.String),
    /** Bytes behind the lines, as Latin-1 text. */
    more: optional(Schema.String),
    /** Of the request that is answered: HEAD has no body. */
    method: optional(Schema.String),
    /** Statuses that it may have; 0 stands for a connection that is closed without an answer. */
    refused: optional(Schema.Array(Schema.Int)),
    expect: optional(HttpExpectation)
  }),
  check: ({ expect }) => matcherParts(expect),
  play: async (given, session: Session) => {
    const { expect, lines, method, more = "", refused: allowed } = fill(given, session)
    const connection = await session.door.tcp()
    session.bench.after(() => connection.destroy())
    void connection.send(`${lines.map((line) => `${line}\r\n`).join("")}${more}`)
    const response = await connection.response(method)
    if (allowed !== undefined) {
      check("the status (0: closed)", { $oneOf: [...allowed] }, response?.status ?? 0)
      return
    }
    if (response === null) throw new CaseFailure("the server closed the connection without an answer")
    if (expect !== undefined) checkResponse(response, expect, session)
  }
})

const SocketExpectation = Schema.Struct({
  status: optional(Schema.Literal("OK", "ERROR", "NOT_FOUND")),
  payload: optional(Schema.Unknown),
  /** An error's code, and members of its problem. */
  code: optional(Schema.String),
  problem: optional(Schema.Unknown),
  seen: optional(Matchers)
})

const checkAnswer = (answer: Answer, expect: typeof SocketExpectation.Type, { captured }: Session): void => {
  if (expect.status !== undefined) check("the answer's status", expect.status, answer.status)
  if (expect.code !== undefined) check("the answer's code", expect.code, answer.payload["code"])
  if (expect.problem !== undefined) check("the answer's problem", expect.problem, answer.problem, captured)
  if (expect.payload !== undefined) check("the answer's payload", expect.payload, answer.payload, captured)
  if (expect.seen === undefined) return
  const body = Buffer.from(String(answer.payload["body"] ?? ""), "base64").toString()
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    value = answer.payload
  }
  checkSeen(value, expect.seen, captured)
}

const SocketStep = Schema.Struct({
  command: Schema.Union(
    Schema.Literal(...(Object.keys(Command) as [CommandName, ...Array<CommandName>])),
    Schema.Int
  ),
  payload: optional(Schema.Unknown),
  /** The payload's bytes as text, or in hexadecimal. */
  text: optional(Schema.String),
  hex: optional(Schema.String),
  expect: SocketExpectation
})
export type SocketStep = typeof SocketStep.Type

/** A request on the case's connection, and what its answer has to be. */
export const playSocket = async (given: SocketStep, session: Session): Promise<void> => {
  const { command, expect, hex, payload, text } = fill(given, session)
  session.socket ??= session.bench.keep(await session.door.connect())
  const client = session.socket
  const bytes =
    hex !== undefined
      ? Buffer.from(hex, "hex")
      : Buffer.from(text ?? (payload === undefined ? "" : JSON.stringify(payload)))
  const id = client.nextId()
  client.frame({ id, code: typeof command === "number" ? command : Command[command], payload: bytes })
  const answer = await client.answer(id)
  checkAnswer(answer, expect, session)
}

const socket = stepKind({
  name: "socket",
  schema: SocketStep,
  check: ({ expect }) => matcherMistakes(expect, ["expect"]),
  play: playSocket
})

/** An INVOKE with a body of so many bytes. */
const invokeBytes = stepKind({
  name: "invoke_bytes",
  schema: Schema.Struct({ count: Schema.Int, expect: SocketExpectation }),
  check: ({ expect }) => matcherMistakes(expect, ["expect"]),
  play: async ({ count, expect }, session: Session) => {
    const body = Buffer.alloc(count, "x").toString("base64")
    const answer = await functionOf(session).invoke({ method: "POST", body })
    checkAnswer(answer, expect, session)
  }
})

const Settings = Schema.Record({ key: Schema.String, value: Schema.Unknown })

const settingsOf = (given: typeof Settings.Type, session: Session): typeof Settings.Type => ({
  name: session.fresh,
  runtime: session.door.runtime,
  ...fill(given, session)
})

const register = stepKind({
  name: "register",
  schema: Settings,
  play: async (given, session: Session) => {
    await session.door.register(settingsOf(given, session))
  }
})

/** The same of a registration that the case is about. */
const expectRegistered = stepKind({
  name: "expect_registered",
  schema: Settings,
  play: async (given, session: Session) => {
    await session.door.expectRegistered(settingsOf(given, session))
  }
})

const Version = Schema.Struct({ version: Schema.String, bundle: Schema.String })

const sourceOf = ({ bundle }: typeof Version.Type, { door }: Session): string =>
  bundle.endsWith(".js") ? door.fixture(bundle) : bundle

const deploy = stepKind({
  name: "deploy",
  schema: Version,
  play: async (given, session: Session) => {
    await session.door.deploy(session.fresh, given.version, sourceOf(given, session))
  }
})

/** The same of a deployment that the case is about. */
const expectDeployed = stepKind({
  name: "expect_deployed",
  schema: Version,
  play: async (given, session: Session) => {
    await session.door.expectDeployed(session.fresh, given.version, sourceOf(given, session))
  }
})

export const serverSteps: ReadonlyArray<StepKind<Session>> = [
  http,
  api,
  httpRaw,
  socket,
  invokeBytes,
  register,
  expectRegistered,
  deploy,
  expectDeployed
]
