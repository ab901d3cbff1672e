import { Either, ParseResult, Schema } from "effect"
import { InvalidRequest, type Violation } from "../domain/Errors.ts"

/**
 * What a Schema found wrong, put into words for the caller: one violation per field, with the field's path
 * (`limits.memory_mb`, `headers.accept[1]`), the value that was given and what to use instead.
 *
 * Everything here is bounded, because the input may be hostile: the number of violations, and the length of each field,
 * value and message. Values of environment variables are never repeated: they may be secrets.
 */
export const violationsOf = (error: ParseResult.ParseError): Array<Violation> => {
  const found = new Map<
    string,
    { readonly field: string; readonly value: unknown; readonly says: Array<string> }
  >()
  let more = 0
  for (const issue of ParseResult.ArrayFormatter.formatErrorSync(error)) {
    const field = fieldOf(issue.path)
    const says = sayingOf(issue._tag, issue.message)
    const known = found.get(field)
    if (known !== undefined) {
      if (!known.says.includes(says) && known.says.length < MOST_SAYINGS) known.says.push(says)
    } else if (found.size < MOST_VIOLATIONS) {
      found.set(field, { field, value: valueAt(error.issue.actual, issue.path), says: [says] })
    } else {
      more += 1
    }
  }
  const violations: Array<Violation> = []
  for (const { field, value, says } of found.values()) {
    // An optional field reports "or leave it out" beside what is wrong inside of it.
    if (says.length === 1 && says[0] === NOTHING && isParent(field, found)) continue
    const message = messageOf(says)
    violations.push(value === undefined ? { field, message } : { field, value, message })
  }
  if (more > 0) violations.push({ field: "", message: `${more} more fields are wrong` })
  return violations
}

/**
 * Decodes what came from outside and fails with every violation at once (FN_006). Unknown fields are violations too (a typo
 * in a limit's name must not pass in silence), unless they are to be ignored. The answer is an `Either`, which is an
 * `Effect` as well.
 */
export const decodeRequest = <A, I>(
  schema: Schema.Schema<A, I>,
  unknownFields: "refuse" | "ignore" = "refuse"
): ((input: unknown) => Either.Either<A, InvalidRequest>) => {
  const decode = Schema.decodeUnknownEither(schema, {
    errors: "all",
    onExcessProperty: unknownFields === "refuse" ? "error" : "ignore"
  })
  return (input) => {
    // No request has nearly so many. To complain about each of a million would hold up everything else.
    const fields = typeof input === "object" && input !== null ? Object.keys(input).length : 0
    if (fields > MOST_FIELDS) {
      const message = `has ${fields} fields; the most are unknown`
      return Either.left(new InvalidRequest({ violations: [{ field: "", message }] }))
    }
    return Either.mapLeft(decode(input), (error) => new InvalidRequest({ violations: violationsOf(error) }))
  }
}

const MOST_FIELDS = 100
const MOST_VIOLATIONS = 50
/** A union reports once per member; past so many they no longer help. */
const MOST_SAYINGS = 8
const MOST_CHARACTERS = 200

const bounded = (text: string): string =>
  text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`

const fieldOf = (path: ReadonlyArray<PropertyKey>): string => {
  let text = ""
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`
    else text += text === "" ? String(step) : `.${String(step)}`
    if (text.length > MOST_CHARACTERS) break
  }
  return bounded(text)
}

/** The value in question as far as it can be shown: nothing for objects, arrays and environment variables. */
const valueAt = (root: unknown, path: ReadonlyArray<PropertyKey>): unknown => {
  if (path[0] === "env") return undefined
  let value: unknown = root
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<PropertyKey, unknown>)[step]
  }
  if (typeof value === "string") return bounded(value)
  return typeof value === "number" || typeof value === "boolean" || value === null ? value : undefined
}

const EXPECTED = "Expected "
const NOTHING = `${EXPECTED}nothing`

const isParent = (field: string, fields: ReadonlyMap<string, unknown>): boolean => {
  for (const other of fields.keys()) {
    if (other.startsWith(`${field}.`) || other.startsWith(`${field}[`)) return true
  }
  return false
}

/** The Schema's words without the value (which may be long or secret); those that name a type keep a mark for merging. */
const sayingOf = (tag: ParseResult.ParseIssue["_tag"], message: string): string => {
  if (tag === "Missing") return "is required"
  if (tag === "Unexpected") return "is not a known field"
  if (!message.startsWith(EXPECTED)) return message
  const end = message.indexOf(", actual ")
  return EXPECTED + typeName(message.slice(EXPECTED.length, end === -1 ? undefined : end))
}

const typeName = (text: string): string => {
  if (text === "string" || text === "number" || text === "boolean") return `a ${text}`
  if (text === "undefined") return "nothing"
  if (text.startsWith("{") || text.startsWith("Struct")) return "an object"
  if (text.startsWith("ReadonlyArray<") || text.startsWith("readonly ")) return "an array"
  return text
}

const messageOf = (says: ReadonlyArray<string>): string => {
  const types: Array<string> = []
  const others: Array<string> = []
  for (const one of says) {
    if (one.startsWith(EXPECTED)) types.push(one.slice(EXPECTED.length))
    else others.push(one)
  }
  // What a rule says in its own words is worth more than the type that another member of a union would have taken.
  if (others.length > 0) return bounded(others.join("; "))
  const chosen = types.length > 1 ? types.filter((type) => `${EXPECTED}${type}` !== NOTHING) : types
  return bounded(`use ${chosen.join(" or ")}`)
}
