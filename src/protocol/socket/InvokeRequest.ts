import { Schema } from "effect"
import { LONGEST_INVOCATION_SECONDS } from "../../domain/FunctionSpec.ts"

/** Null counts as left out everywhere: clients in Go write nil maps that way. */
const orNothing = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

/** The longest name or id that a request may bring; longer ones exist nowhere. */
export const MAX_REFERENCE_LENGTH = 128

/** The longest budget that an invocation may have, in milliseconds. */
export const MAX_DEADLINE_MS = LONGEST_INVOCATION_SECONDS * 1000

/** A function's name or id. */
export const FunctionReference = Schema.String.pipe(
  Schema.filter(
    (value) =>
      (value.length >= 1 && value.length <= MAX_REFERENCE_LENGTH) ||
      `use a function's name or id, 1 to ${MAX_REFERENCE_LENGTH} characters`
  )
)

/** Strings by name; an array where a name occurs more than once. */
const TextMap = Schema.Record({
  key: Schema.String,
  value: Schema.Union(Schema.String, Schema.Array(Schema.String))
})

/** The payload of INVOKE (0x01). */
export const InvokeRequest = Schema.Struct({
  function_id: FunctionReference,
  /** Default: GET. */
  method: orNothing(Schema.String),
  /** Default: `/`. */
  path: orNothing(Schema.String),
  /** Path and raw query string in one, so that repeated keys and their order survive; in place of `path` and `query`. */
  url: orNothing(Schema.String),
  headers: orNothing(TextMap),
  query: orNothing(TextMap),
  /** Base64 (RFC 4648, section 4, with padding): what a Go client's `[]byte` becomes in JSON. */
  body: orNothing(Schema.String),
  /** A tighter budget than the function's own time-out, in milliseconds. */
  deadline_ms: orNothing(
    Schema.Number.pipe(
      Schema.filter(
        (value) =>
          (value > 0 && value <= MAX_DEADLINE_MS) || `use a number of milliseconds up to ${MAX_DEADLINE_MS}`
      )
    )
  )
})
export type InvokeRequest = typeof InvokeRequest.Type

type Fields = Readonly<Record<string, unknown>>

const isTextOrNothing = (value: unknown): boolean =>
  value === undefined || value === null || typeof value === "string"

const isTextMapOrNothing = (value: unknown): boolean => {
  if (value === undefined || value === null) return true
  if (typeof value !== "object" || Array.isArray(value)) return false
  const map = value as Fields
  for (const name in map) {
    const held = map[name]
    if (typeof held === "string") continue
    if (!Array.isArray(held)) return false
    for (const one of held) if (typeof one !== "string") return false
  }
  return true
}

const isDeadlineOrNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (typeof value === "number" && value > 0 && value <= MAX_DEADLINE_MS)

/**
 * Whether parsed JSON is an `InvokeRequest`: the Schema's answer at a fraction of its cost, because every invocation comes
 * by here. A property test holds the two together; what is wrong is then for the Schema to say.
 */
export const isInvokeRequest = (value: unknown): value is InvokeRequest => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false
  const fields = value as Fields
  const reference = fields["function_id"]
  return (
    typeof reference === "string" &&
    reference.length >= 1 &&
    reference.length <= MAX_REFERENCE_LENGTH &&
    isTextOrNothing(fields["method"]) &&
    isTextOrNothing(fields["path"]) &&
    isTextOrNothing(fields["url"]) &&
    isTextMapOrNothing(fields["headers"]) &&
    isTextMapOrNothing(fields["query"]) &&
    isTextOrNothing(fields["body"]) &&
    isDeadlineOrNothing(fields["deadline_ms"])
  )
}
