import { Schema } from "effect"
import { HEADER_NAME, HEADER_VALUE } from "./headerSyntax.ts"
import * as Wire from "./Wire.ts"

/**
 * The Schemas of the worker protocol's messages: the source of truth for tests, generated JSON Schemas and documents.
 * The host's hot path checks the same shapes by hand (`decodeWorkerMessage`); a property test holds the two together.
 */

const HeaderMap = Schema.Record({
  key: Schema.String,
  value: Schema.Union(Schema.String, Schema.Array(Schema.String))
})
const HeaderValue = Schema.String.pipe(Schema.pattern(HEADER_VALUE))
/** Of an answer: what HTTP can send. A pattern for the keys would only pass over the others. */
const SendableHeaders = Schema.Record({
  key: Schema.String,
  value: Schema.Union(HeaderValue, Schema.Array(HeaderValue))
}).pipe(
  Schema.filter((headers) => Object.keys(headers).every((name) => HEADER_NAME.test(name)), {
    jsonSchema: { propertyNames: { pattern: HEADER_NAME.source } },
    arbitrary: () => (fc) => {
      const value = fc.stringMatching(HEADER_VALUE)
      return fc.dictionary(fc.stringMatching(HEADER_NAME), fc.oneof(value, fc.array(value)))
    }
  })
)
// Not `Struct({})`, which would take an array or a string too.
const Empty = Schema.Record({ key: Schema.String, value: Schema.Unknown })

const envelope = <Type extends string, A, I>(type: Type, payload: Schema.Schema<A, I>) =>
  Schema.Struct({ id: Schema.String, type: Schema.Literal(type), payload })

export const Ready = envelope(
  "ready",
  Schema.Struct({
    protocol: Schema.optional(Schema.String),
    runtime: Schema.optional(Schema.String),
    runtime_version: Schema.optional(Schema.String),
    features: Schema.optional(Schema.Array(Schema.String)),
    handler: Schema.optional(Schema.String),
    pid: Schema.optional(Schema.Int.pipe(Schema.positive()))
  })
)

export const Response = envelope(
  "response",
  Schema.Struct({
    status: Schema.Int.pipe(Schema.between(200, 599)),
    headers: SendableHeaders,
    body: Schema.String
  })
)

export const Error = envelope(
  "error",
  Schema.Struct({
    message: Schema.String,
    stack: Schema.optional(Schema.String),
    code: Schema.String,
    line: Schema.optional(Schema.Finite),
    column: Schema.optional(Schema.Finite)
  })
)

export const Log = envelope(
  "log",
  Schema.Struct({
    level: Schema.Literal(...Wire.LOG_LEVELS),
    message: Schema.String,
    metadata: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
  })
)

export const Pong = envelope("pong", Empty)

export const Call = envelope(
  "call",
  Schema.Struct({
    call_id: Schema.String,
    name: Schema.String,
    request: Schema.optional(
      Schema.Struct({
        url: Schema.String,
        method: Schema.String,
        headers: HeaderMap,
        body: Schema.String,
        redirect: Schema.Literal("follow", "error", "manual")
      })
    )
  })
)

export const WorkerMessage = Schema.Union(Ready, Response, Error, Log, Pong, Call)

export const Invoke = envelope(
  "invoke",
  Schema.Struct({
    method: Schema.String,
    path: Schema.String,
    url: Schema.optional(Schema.String),
    headers: HeaderMap,
    query: Schema.Record({ key: Schema.String, value: Schema.String }),
    body: Schema.String,
    deadline_ms: Schema.Finite.pipe(Schema.nonNegative()),
    trace: Schema.optional(Schema.String)
  })
)

export const Load = envelope(
  "load",
  Schema.Struct({
    bundle_path: Schema.String,
    handler: Schema.String,
    env: Schema.Record({ key: Schema.String, value: Schema.String }),
    capabilities: Schema.optional(Schema.Unknown),
    limits: Schema.optional(
      Schema.Struct({
        memory_mb: Schema.optional(Schema.Finite),
        stack_kb: Schema.optional(Schema.Finite),
        cpu_seconds: Schema.optional(Schema.Finite),
        max_fds: Schema.optional(Schema.Finite),
        max_processes: Schema.optional(Schema.Finite)
      })
    ),
    zygote: Schema.optional(Schema.String)
  })
)

export const Cancel = envelope("cancel", Schema.Struct({ reason: Schema.Literal("client_gone", "deadline") }))
export const Ping = envelope("ping", Empty)
export const Shutdown = envelope("shutdown", Empty)

export const Result = envelope(
  "result",
  Schema.Union(
    Schema.Struct({
      call_id: Schema.String,
      ok: Schema.Literal(true),
      response: Schema.Struct({
        status: Schema.Int,
        status_text: Schema.String,
        url: Schema.String,
        redirected: Schema.Boolean,
        headers: HeaderMap,
        body: Schema.String
      })
    }),
    Schema.Struct({
      call_id: Schema.String,
      ok: Schema.Literal(false),
      error: Schema.Struct({
        name: Schema.String,
        message: Schema.String,
        code: Schema.optional(Schema.String)
      })
    })
  )
)

export const HostMessage = Schema.Union(Invoke, Load, Cancel, Ping, Shutdown, Result)
