import { Effect } from "effect"
import type { FunctionView, RegisterInput } from "../client/index.ts"
import { CliFailure, ExitCode } from "./CliFailure.ts"
import type { Connection } from "./connection.ts"
import { differences } from "./functionSettings.ts"

/** What `deploy` does about the function itself, before and around its version. */

const hasCode = (error: unknown, code: string): error is Error =>
  error instanceof Error && "code" in error && error.code === code

/** The function, or null where there is none of this name. */
export const find = ({ call }: Connection, name: string): Effect.Effect<FunctionView | null, CliFailure> =>
  call((client, signal) =>
    client.get(name, { signal }).catch((error: unknown) => {
      if (hasCode(error, "FN_001")) return null
      throw error
    })
  )

/** Whether the function is in force, so that its settings stay as they are. */
export const isInForce = (
  view: FunctionView | null
): view is FunctionView & { readonly active_version: string } => view !== null && view.active_version !== null

/** Refuses flags that say something else than what the function in force is: they would change nothing. */
export const refuseDifferences = (
  connection: Connection,
  settings: RegisterInput,
  existing: FunctionView
): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const details = yield* disagreements(connection, settings, existing)
    if (details.length === 0) return
    return yield* new CliFailure({
      exitCode: ExitCode.failed,
      what: `"${existing.name}" is deployed already, with other settings; nothing was deployed`,
      details,
      next: "leave these flags out, or deploy under another name"
    })
  })

/** Another command may have registered the function with its own flags, before this one's version came into force. */
export const refuseStrangeSettings = (
  connection: Connection,
  settings: RegisterInput,
  version: string
): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const view = yield* find(connection, settings.name)
    const details = view === null ? [] : yield* disagreements(connection, settings, view)
    if (details.length === 0) return
    return yield* new CliFailure({
      exitCode: ExitCode.failed,
      what: `"${settings.name}" ${version} is deployed, but with the settings of somebody who registered it at the same time`,
      details,
      next: "deploy under another name"
    })
  })

const disagreements = (
  connection: Connection,
  settings: RegisterInput,
  view: FunctionView
): Effect.Effect<ReadonlyArray<string>, CliFailure> =>
  Effect.map(otherValues(connection, settings, view), (values) => [...differences(settings, view), ...values])

/**
 * Variables that were given and have another value. Values never leave the server, so it is the server that compares them:
 * to register a function that is in force changes nothing, and its refusal names what differs.
 */
const otherValues = (
  { call }: Connection,
  { env = {}, ...rest }: RegisterInput,
  existing: FunctionView
): Effect.Effect<ReadonlyArray<string>, CliFailure> => {
  const shared = Object.keys(env).filter((name) => existing.env.includes(name))
  if (shared.length === 0) return Effect.succeed([])
  return Effect.map(
    call((client, signal) =>
      client.register({ ...rest, env }, { signal }).then(
        () => [],
        (error: unknown) => {
          if (hasCode(error, "FN_006") && "violations" in error) return error.violations as Violations
          throw error
        }
      )
    ),
    (violations: Violations) =>
      violations.flatMap(({ field, message }) =>
        shared.some((name) => field === `env.${name}`)
          ? [`--env ${field.slice("env.".length)}: ${message}`]
          : []
      )
  )
}
type Violations = ReadonlyArray<{ readonly field: string; readonly message: string }>

/** Registers the function; one that was never in force, anew. */
export const register = (
  { call }: Connection,
  settings: RegisterInput
): Effect.Effect<FunctionView, CliFailure> => call((client, signal) => client.register(settings, { signal }))

/** Whether the flags say anything beyond the name. */
export const saysSomething = (settings: RegisterInput): boolean => Object.keys(settings).length > 1

/**
 * A first deployment that failed, and what is left of it: the name, with the settings that this command registered. They
 * stay, so that the code can be mended and deployed without saying them again.
 */
export const settingsKept = (failure: CliFailure): CliFailure =>
  failure.but({
    next: `${failure.next === undefined ? "" : `${failure.next}; `}the name is registered with these settings; deploy again once it is mended, with flags for what is to change`
  })

/** The variables that a function has lost by being registered anew. */
export const lostVariables = (before: FunctionView | null, now: FunctionView): ReadonlyArray<string> =>
  before === null ? [] : before.env.filter((name) => !now.env.includes(name))
