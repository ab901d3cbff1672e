import { Schema } from "effect"
import type { Mistake } from "../../data/Mistakes.ts"
import { matcherMistakes } from "../matchers/match.ts"

export const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/** Anything: `matchersOf` looks at it. */
export const Matching = Schema.Unknown

/** Mistakes of the matchers in these keys of a step. */
export const matchersOf = (value: object, keys?: ReadonlyArray<string>): ReadonlyArray<Mistake> =>
  Object.entries(value).flatMap(([key, one]) =>
    keys === undefined || keys.includes(key) ? matcherMistakes(one, [key]) : []
  )
