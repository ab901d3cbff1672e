import { Either, ParseResult, Schema } from "effect"
import { didYouMean } from "../nearest.ts"
import type { Mistake } from "./Mistakes.ts"

/**
 * Decodes a value of a case file: all that is wrong with it, one mistake per place. Keys that the schema does not know are
 * mistakes too.
 */
export const decodeValue = <A, I>(
  schema: Schema.Schema<A, I>,
  value: unknown
): Either.Either<A, ReadonlyArray<Mistake>> =>
  Either.mapLeft(
    Schema.decodeUnknownEither(schema, { errors: "all", onExcessProperty: "error" })(value),
    schemaMistakes
  )

interface Found {
  readonly path: ReadonlyArray<PropertyKey>
  readonly wanted: Set<string>
  readonly words: Set<string>
}

const schemaMistakes = (error: ParseResult.ParseError): ReadonlyArray<Mistake> => {
  const found = new Map<string, Found>()
  for (const { _tag, path, message } of ParseResult.ArrayFormatter.formatErrorSync(error)) {
    const key = keyOf(path)
    const one = found.get(key) ?? { path, wanted: new Set(), words: new Set() }
    found.set(key, one)
    if (_tag === "Missing") one.words.add(`${lastOf(path)} is missing`)
    else if (_tag === "Unexpected") one.words.add(unknownKey(lastOf(path), message))
    else {
      const type = EXPECTED.exec(message)?.[1]
      if (type === undefined) one.words.add(message)
      else if (type !== "undefined") one.wanted.add(typeName(type))
    }
  }
  const keys = [...found.keys()]
  return [...found].flatMap(([key, { path, wanted, words }]) => {
    // a union says of a value that it is none of its members, beside what is wrong inside of it
    if (words.size === 0 && keys.some((other) => other.startsWith(`${key}\u0000`))) return []
    const message = words.size > 0 ? [...words].join("; ") : `expected ${[...wanted].join(" or ")}`
    return [{ path, message: `${whereOf(path, words.size === 0)}${message}` }]
  })
}

const EXPECTED = /^Expected (.*?), actual /s

const keyOf = (path: ReadonlyArray<PropertyKey>): string =>
  path.map((step) => `${String(step)}\u0000`).join("")

const lastOf = (path: ReadonlyArray<PropertyKey>): string => String(path.at(-1) ?? "the value")

const whereOf = (path: ReadonlyArray<PropertyKey>, wanted: boolean): string =>
  wanted && path.length > 0 ? `${lastOf(path)}: ` : ""

const unknownKey = (key: string, message: string): string => {
  const known = [...message.matchAll(/"([^"]+)"/g)].flatMap(([, name]) => (name === undefined ? [] : [name]))
  return `unknown key ${key}${didYouMean(key, known, known.length === 0 ? "" : `; there are ${known.join(", ")}`)}`
}

const typeName = (type: string): string => {
  if (type === "string" || type === "number" || type === "boolean") return `a ${type}`
  if (type.startsWith("ReadonlyArray<") || type.startsWith("readonly ")) return "a list"
  if (type === "object" || type.startsWith("{") || type.startsWith("Struct")) return "a map"
  return type
}
