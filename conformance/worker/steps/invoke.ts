import { Schema } from "effect"
import { type StepKind, stepKind } from "../../data/steps.ts"
import type { CaseRoom } from "../CaseRoom.ts"
import { ErrorFields, ResponseFields, takeError, takeResponse } from "./hearing.ts"
import { matchersOf, optional } from "./schemas.ts"

const HeaderValue = Schema.Union(Schema.String, Schema.Array(Schema.String))

const Invoke = Schema.Struct({
  /** Left out: one that nobody has. */
  id: optional(Schema.String),
  /** GET, or POST where there is a body. */
  method: optional(Schema.String),
  /** Left out: what is before the `?` of `url`. */
  path: optional(Schema.String),
  /** Path and query. Left out: `path`; null: it is not sent, as by a host of version 1.0. */
  url: optional(Schema.NullOr(Schema.String)),
  headers: optional(Schema.Record({ key: Schema.String, value: HeaderValue })),
  query: optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  /** The body: base64, text, JSON, or so many bytes, of which each is its place modulo 251. */
  body: optional(Schema.String),
  text: optional(Schema.String),
  json: optional(Schema.Unknown),
  size: optional(Schema.NonNegativeInt),
  deadline_ms: optional(Schema.Number),
  trace: optional(Schema.String),
  /** Further fields of the payload. */
  more: optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  /** Waits for the response, which has to be this; null: whatever it is. */
  answer: optional(ResponseFields),
  /** Waits for the error, which has to be this. */
  error: optional(ErrorFields),
  /** Waits for the response, whose body has to be the one that was sent. */
  echoes: optional(Schema.Literal(true))
})
type Invoke = typeof Invoke.Type

/** Bytes of which each is its place modulo 251. */
export const patterned = (size: number): Buffer => {
  const period = Buffer.from(Array.from({ length: 251 }, (_, index) => index))
  return Buffer.alloc(size, period)
}

const bodyOf = ({ body, text, json, size }: Invoke): string => {
  if (body !== undefined) return body
  if (text !== undefined) return Buffer.from(text).toString("base64")
  if (json !== undefined) return Buffer.from(JSON.stringify(json)).toString("base64")
  return size === undefined ? "" : patterned(size).toString("base64")
}

/** The payload of the message that an `invoke` step sends. */
export const invokePayload = (step: Invoke): Readonly<Record<string, unknown>> => {
  const body = bodyOf(step)
  const url = step.url === undefined ? (step.path ?? "/") : step.url
  return {
    method: step.method ?? (body === "" ? "GET" : "POST"),
    path: step.path ?? (url ?? "/").split("?")[0],
    ...(url === null ? {} : { url }),
    headers: step.headers ?? {},
    query: step.query ?? {},
    body,
    deadline_ms: step.deadline_ms ?? 30_000,
    ...(step.trace === undefined ? {} : { trace: step.trace }),
    ...step.more
  }
}

/** An invocation. Waits for its answer where it says what that is. */
export const invoke: StepKind<CaseRoom> = stepKind({
  name: "invoke",
  schema: Invoke,
  check: (value) => [
    ...matchersOf(value, ["answer", "error"]),
    ...(["body", "text", "json", "size"] as const)
      .filter((key) => value[key] !== undefined)
      .slice(1)
      .map((key) => ({ path: [key], message: "a body is given in one way only" }))
  ],
  play: async (step, { session }: CaseRoom) => {
    const id = step.id ?? session.freshId("invocation")
    const payload = invokePayload(step)
    session.send({ id, type: "invoke", payload })
    if (step.answer !== undefined) await takeResponse(session, id, step.answer)
    if (step.error !== undefined) await takeError(session, id, step.error)
    if (step.echoes === true)
      await takeResponse(session, id, { status: 200, base64: payload["body"] as string })
  }
})
