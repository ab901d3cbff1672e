import { Effect } from "effect"
import type { FunctionView, RegisterInput } from "../client/index.ts"
import { RegisterFunction } from "../domain/FunctionSpec.ts"
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
 * After the first deployment of a function has failed whose settings this command set: brings back what was there before, so
 * that the next attempt does not inherit the flags of this one. A function that this command registered stays as a name
 * without settings. Left alone is a function that somebody else has registered since, and one that had an environment
 * before: its values cannot be brought back.
 */
export const undoRegistration = (
  connection: Connection,
  settings: RegisterInput,
  before: FunctionView | null
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { name } = settings
    if (before !== null && before.env.length > 0) return
    const view = yield* find(connection, name)
    if (view === null || isInForce(view) || !isAs(view, settings)) return
    const bare = yield* register(connection, { name })
    if (before === null) return
    const earlier = SETTINGS.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(bare[key]))
    if (earlier.length === 0) return
    yield* register(connection, { name, ...Object.fromEntries(earlier.map((key) => [key, before[key]])) })
    // The failure that led here is what counts; what is left can be registered anew.
  }).pipe(Effect.ignore)

const SETTINGS = Object.keys(RegisterFunction.fields).filter(
  (key): key is Exclude<keyof typeof RegisterFunction.fields, "name" | "env"> =>
    key !== "name" && key !== "env"
)

const isAs = (view: FunctionView, settings: RegisterInput): boolean =>
  differences(settings, view).length === 0 &&
  Object.keys(settings.env ?? {})
    .sort()
    .join() === view.env.join()

/** The variables that a function has lost by being registered anew. */
export const lostVariables = (before: FunctionView | null, now: FunctionView): ReadonlyArray<string> =>
  before === null ? [] : before.env.filter((name) => !now.env.includes(name))
