import { isDeepStrictEqual } from "node:util"
import type { Violation } from "./Errors.ts"
import type { FunctionRecord, RegisterFunction } from "./FunctionSpec.ts"
import { capabilitiesInForce } from "./runtimeRules.ts"

type Fields = Readonly<Record<string, unknown>>

const keysOf = (...fields: ReadonlyArray<Fields>): ReadonlyArray<string> => [
  ...new Set(fields.flatMap((one) => Object.keys(one)))
]

/** An environment may name `constructor`. */
const own = (fields: Fields, key: string): unknown => (Object.hasOwn(fields, key) ? fields[key] : undefined)

const shown = (field: string, value: unknown, inForce: unknown): string =>
  value === undefined
    ? `it follows the server's default${inForce === undefined ? "" : `, which is ${String(inForce)}`}`
    : `it is ${field === "capabilities" ? JSON.stringify(value) : String(value)}`

const shownVariable = (isSet: boolean, isWanted: boolean): string => {
  if (!isSet) return "it is not set"
  return !isWanted ? "it is set, and this leaves it out" : "it has another value"
}

/** With the capabilities in force where one of both names some: to name what a function has already is no difference. */
const comparable = (record: FunctionRecord, registration: RegisterFunction) => {
  const { env: _, name: __, ...wanted } = registration
  const { handler, runtime, settings } = record
  const fields: Fields = { runtime, handler, ...settings }
  if (settings.capabilities === undefined && wanted.capabilities === undefined)
    return { current: fields, wanted }
  return {
    current: { ...fields, capabilities: capabilitiesInForce(runtime, settings) },
    wanted: { ...wanted, capabilities: capabilitiesInForce(wanted.runtime, wanted) }
  }
}

/**
 * Where a registration differs from the function that has its name: each field with what holds, an environment variable as
 * `env.NAME`. Values of the environment are compared, and never shown.
 */
export const registrationDifferences = (
  record: FunctionRecord,
  registration: RegisterFunction,
  /** What holds where the function says nothing, by field; what is left out is not told. */
  defaults: Fields = {}
): ReadonlyArray<Violation> => {
  const { current, wanted }: { readonly current: Fields; readonly wanted: Fields } = comparable(
    record,
    registration
  )
  const currentEnv: Fields = record.env
  const wantedEnv: Fields = registration.env
  return [
    ...keysOf(current, wanted)
      .filter((field) => !isDeepStrictEqual(current[field], wanted[field]))
      .map((field) => ({
        field,
        value: wanted[field],
        message: shown(field, current[field], defaults[field])
      })),
    ...keysOf(currentEnv, wantedEnv)
      .filter((name) => own(currentEnv, name) !== own(wantedEnv, name))
      .sort()
      .map((name) => ({
        field: `env.${name}`,
        message: shownVariable(Object.hasOwn(currentEnv, name), Object.hasOwn(wantedEnv, name))
      }))
  ]
}
