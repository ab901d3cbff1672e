import { Schema } from "effect"
import { type StepKind, stepKind } from "../../data/steps.ts"
import { filled } from "../matchers/match.ts"
import { isFunctionName } from "../functions.ts"
import type { CaseRoom } from "../CaseRoom.ts"
import { optional } from "./schemas.ts"

/** What the steps play on: one case's worker. */
export type Kind = StepKind<CaseRoom>

const Anything = Schema.Unknown
const Fields = Schema.Record({ key: Schema.String, value: Anything })

const MessageValue = Schema.Struct({
  id: optional(Anything),
  type: optional(Anything),
  payload: optional(Anything)
})

/** Whatever the host says: `id` is empty where it is left out. */
const send = stepKind({
  name: "send",
  schema: MessageValue,
  play: (message, { session }: CaseRoom) => {
    session.send(filled({ id: "", ...message }, session.captured) as { id: string; type: string })
  }
})

const load = stepKind({
  name: "load",
  schema: Schema.Struct({
    id: optional(Schema.String),
    function: Schema.String,
    handler: optional(Schema.String),
    env: optional(Schema.Record({ key: Schema.String, value: Schema.String })),
    /** Further fields of the payload. */
    more: optional(Fields)
  }),
  check: (value) =>
    isFunctionName(value.function)
      ? []
      : [{ path: ["function"], message: `there is no function ${value.function}` }],
  play: ({ id = "", handler = "", env = {}, more = {}, ...rest }, { session, pathOf }: CaseRoom) => {
    session.send({
      id,
      type: "load",
      payload: { bundle_path: pathOf(rest.function), handler, env, ...more }
    })
  }
})

const cancel = stepKind({
  name: "cancel",
  schema: Schema.Struct({ id: Schema.String, reason: optional(Schema.String) }),
  play: ({ id, reason = "client_gone" }, { session }: CaseRoom) =>
    session.send({ id, type: "cancel", payload: { reason } })
})

const ping = stepKind({
  name: "ping",
  schema: Schema.Struct({ id: Schema.String }),
  play: ({ id }, { session }: CaseRoom) => session.send({ id, type: "ping", payload: {} })
})

const shutdown = stepKind({
  name: "shutdown",
  schema: Schema.Literal(true),
  play: (_, { session }: CaseRoom) => session.send({ id: "", type: "shutdown", payload: {} })
})

/** Answers a call; `call_id` is best a `$ref`. */
const result = stepKind({
  name: "result",
  schema: Schema.Struct({
    id: optional(Anything),
    call_id: Anything,
    ok: Anything,
    response: optional(Anything),
    error: optional(Anything)
  }),
  play: ({ id = "", ...payload }, { session }: CaseRoom) => {
    session.send(filled({ id, type: "result", payload }, session.captured) as { id: string; type: string })
  }
})

const raw = stepKind({
  name: "raw",
  schema: Schema.String,
  play: (text, { session }: CaseRoom) => session.sendBytes(Buffer.from(text))
})

const isBase64 = (text: string): boolean => Buffer.from(text, "base64").toString("base64") === text
const Base64 = Schema.String.pipe(Schema.filter(isBase64, { message: () => "this is not base64" }))

const rawBase64 = stepKind({
  name: "raw_base64",
  schema: Base64,
  play: (text, { session }: CaseRoom) => session.sendBytes(Buffer.from(text, "base64"))
})

/** A piece of text over and over: `before`, so many times `text`, `after`. */
const rawRepeat = stepKind({
  name: "raw_repeat",
  schema: Schema.Struct({
    before: optional(Schema.String),
    text: Schema.String,
    times: Schema.Int,
    after: optional(Schema.String)
  }),
  play: async ({ before = "", text, times, after = "" }, { session }: CaseRoom) => {
    session.sendBytes(Buffer.from(before + text.repeat(times) + after))
    await session.process.flushed()
  }
})

const TornLine = Schema.Union(MessageValue, Schema.String, Schema.Struct({ base64: Base64 }))

/**
 * Lines (messages, texts, bytes), each with its newline, cut at these places: counts of bytes from one cut to the next. Each piece
 * has left for the worker before the next one does.
 */
const torn = stepKind({
  name: "torn",
  schema: Schema.Struct({
    lines: Schema.Array(TornLine),
    cuts: Schema.Array(Schema.NonNegativeInt),
    /** Between two pieces, so that the worker reads each by itself. */
    pause_ms: optional(Schema.Int)
  }),
  play: async ({ lines, cuts, pause_ms: pauseMs }, { session }: CaseRoom, signal) => {
    const bytes = Buffer.concat(
      lines.flatMap((line) => [
        typeof line === "string"
          ? Buffer.from(line)
          : "base64" in line
            ? Buffer.from(line.base64, "base64")
            : Buffer.from(JSON.stringify(line)),
        Buffer.from("\n")
      ])
    )
    let at = 0
    for (const cut of cuts) {
      session.sendBytes(bytes.subarray(at, at + cut))
      at += cut
      await session.process.flushed()
      await new Promise((resolve) => {
        if (pauseMs === undefined) setImmediate(resolve)
        else setTimeout(resolve, pauseMs)
      })
      signal.throwIfAborted()
    }
    session.sendBytes(bytes.subarray(at))
  }
})

const closeStdin = stepKind({
  name: "close_stdin",
  schema: Schema.Literal(true),
  play: (_, { session }: CaseRoom) => session.hangUp()
})

export const speakingSteps: ReadonlyArray<Kind> = [
  send,
  load,
  cancel,
  ping,
  shutdown,
  result,
  raw,
  rawBase64,
  rawRepeat,
  torn,
  closeStdin
]
