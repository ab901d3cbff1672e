import { Effect, Either, ParseResult, Schema } from "effect"
import { dirname, resolve } from "node:path"
import { readConfigFile } from "./ConfigFile.ts"
import { ConfigInvalid, showOriginIn, showValue, type ConfigViolation, type Origin } from "./ConfigInvalid.ts"
import { configRules, type KindOfPath } from "./ConfigRules.ts"
import { didYouMeanOneOf, namesLike } from "./DidYouMean.ts"
import {
  CONFIG_FLAG,
  CONFIG_VARIABLE,
  serverOptions,
  VARIABLE_PREFIX,
  type ServerOption
} from "./OptionTable.ts"
import { defaultOptions, type ServerOptions } from "./ServerConfig.ts"

export interface ConfigSources {
  /** By flag name without dashes (`max-workers`); `config` names the file. What is undefined was not given. */
  readonly flags: Readonly<Record<string, string | number | undefined>>
  /** The process's environment. An empty variable counts as not set. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly cwd: string
  /** What is at a path now; left out, nothing is known of any. */
  readonly kindOf?: KindOfPath
}

export interface ResolvedConfig {
  readonly options: ServerOptions
  readonly origins: Readonly<Record<keyof ServerOptions, Origin>>
}

/** A value as somebody wrote it. */
interface Given {
  readonly value: unknown
  readonly origin: Origin
  /** What a relative path counts from. */
  readonly base: string
}

/**
 * The options in force: flags > `FUNCTIONS_*` environment > JSON file > defaults. Every value given is checked, also one
 * that another overrides, so that a fault does not lie in wait. Fails with all faults at once.
 */
export const resolveConfig = (sources: ConfigSources): Effect.Effect<ResolvedConfig, ConfigInvalid> =>
  Effect.gen(function* () {
    const violations: Array<ConfigViolation> = []
    const flags = givenFlags(sources, violations)
    const variables = givenVariables(sources, violations)
    const file = yield* givenInFile(sources, violations)

    const values: Record<string, unknown> = {}
    const origins: Record<string, Origin> = {}
    const broken = new Set<string>()
    for (const option of serverOptions) {
      origins[option.key] = { source: "default" }
      // From the weakest to the strongest, so that the strongest stays.
      for (const source of [file, variables, flags]) {
        const given = source.get(option.key)
        if (given === undefined) continue
        const decoded = decode(option, given)
        if (Either.isLeft(decoded)) {
          broken.add(option.key)
          violations.push(violation(option, given, decoded.left))
        } else {
          values[option.key] = decoded.right
          origins[option.key] = given.origin
        }
      }
    }

    const dataDir = typeof values["dataDir"] === "string" ? values["dataDir"] : resolve(sources.cwd, "data")
    // Each value came out of the schema of its own row, whose type is its field's.
    const options: ServerOptions = { ...defaultOptions(dataDir), ...values }
    const resolved: ResolvedConfig = { options, origins: origins as ResolvedConfig["origins"] }
    violations.push(...brokenRules(resolved, broken, sources.kindOf ?? (() => "unknown")))
    if (violations.length > 0) return yield* new ConfigInvalid({ violations })
    return resolved
  })

/** An option's value as it would be written in the file; null where it is not set. */
export const writtenValue = (option: ServerOption, options: ServerOptions): string | number | null => {
  const value = options[option.key]
  return value === undefined ? null : Schema.encodeSync(option.schema)(value)
}

const byName = new Map(serverOptions.map((option) => [option.name, option]))
const byEnv = new Map(serverOptions.map((option) => [option.env, option]))
const byFlag = new Map(serverOptions.map((option) => [option.flag ?? "", option]))
byFlag.delete("")

const knownVariables = [...byEnv.keys(), CONFIG_VARIABLE]

const unknownName = (
  field: string,
  origin: Origin,
  what: string,
  names: ReadonlyArray<string>
): ConfigViolation => ({
  field,
  origin,
  message: `there is no such ${what}; ${didYouMeanOneOf(names) ?? "remove it; list them with: bunbase config"}`
})

const givenFlags = (sources: ConfigSources, violations: Array<ConfigViolation>): Map<string, Given> => {
  const given = new Map<string, Given>()
  for (const [flag, value] of Object.entries(sources.flags)) {
    if (value === undefined || flag === CONFIG_FLAG) continue
    const option = byFlag.get(flag)
    const origin: Origin = { source: "flag", name: `--${flag}` }
    if (option !== undefined) given.set(option.key, { value, origin, base: sources.cwd })
    else {
      const known = [...byFlag.keys(), CONFIG_FLAG].map((name) => `--${name}`)
      violations.push(unknownName(flag, origin, "flag", namesLike(`--${flag}`, known)))
    }
  }
  return given
}

const givenVariables = (sources: ConfigSources, violations: Array<ConfigViolation>): Map<string, Given> => {
  const given = new Map<string, Given>()
  for (const [name, value] of Object.entries(sources.env)) {
    if (!name.startsWith(VARIABLE_PREFIX) || name === CONFIG_VARIABLE || value === undefined || value === "")
      continue
    const option = byEnv.get(name)
    const origin: Origin = { source: "environment", name }
    if (option !== undefined) given.set(option.key, { value, origin, base: sources.cwd })
    else violations.push(unknownName(name, origin, "variable", namesLike(name, knownVariables)))
  }
  return given
}

const givenInFile = (
  sources: ConfigSources,
  violations: Array<ConfigViolation>
): Effect.Effect<Map<string, Given>> =>
  Effect.gen(function* () {
    const given = new Map<string, Given>()
    const flag = sources.flags[CONFIG_FLAG]
    const named = flag === undefined ? sources.env[CONFIG_VARIABLE] : String(flag)
    if (named === undefined || (named === "" && flag === undefined)) return given
    const namedBy: Origin =
      flag === undefined
        ? { source: "environment", name: CONFIG_VARIABLE }
        : { source: "flag", name: `--${CONFIG_FLAG}` }
    const fault = (message: string) =>
      violations.push({ field: "config", origin: namedBy, value: named, message })
    if (named === "" || named.includes("\0")) {
      fault("use the path of a JSON file")
      return given
    }
    const path = resolve(sources.cwd, named)
    const content = yield* Effect.either(readConfigFile(path))
    if (Either.isLeft(content)) {
      fault(content.left)
      return given
    }
    const origin: Origin = { source: "file", name: path }
    for (const [name, value] of Object.entries(content.right)) {
      const option = byName.get(name)
      if (option !== undefined) given.set(option.key, { value, origin, base: dirname(path) })
      else violations.push(unknownName(name, origin, "option", namesLike(name, [...byName.keys()])))
    }
    return given
  })

const decode = (option: ServerOption, given: Given): Either.Either<unknown, string> =>
  Schema.decodeUnknownEither(option.schema)(written(option, given)).pipe(
    Either.map((value) => (option.isPath && typeof value === "string" ? resolve(given.base, value) : value)),
    Either.mapLeft(
      (error) => ParseResult.ArrayFormatter.formatErrorSync(error)[0]?.message ?? "the value is not valid"
    )
  )

// Flags and variables are text. A number is recognised in its plain decimal form only: "0x10" or "1e3" is more likely
// a slip than an intention.
const written = (option: ServerOption, { origin, value }: Given): unknown =>
  option.type === "number" &&
  origin.source !== "file" &&
  typeof value === "string" &&
  /^[+-]?\d+(\.\d+)?$/.test(value.trim())
    ? Number(value)
    : value

const violation = (option: ServerOption, given: Given, message: string): ConfigViolation => ({
  field: option.name,
  origin: given.origin,
  ...(option.isSecret ? {} : { value: given.value }),
  // Only a file knows the two apart; `"80"` looks right there to whoever does not see the quotes.
  message:
    option.type === "number" && given.origin.source === "file" && typeof given.value === "string"
      ? `this is a string and has to be a number, without quotes; ${message}`
      : message
})

const brokenRules = (
  { options, origins }: ResolvedConfig,
  broken: ReadonlySet<string>,
  kindOf: KindOfPath
): ReadonlyArray<ConfigViolation> => {
  const rows = new Map(serverOptions.map((option) => [option.key, option]))
  const valueOf = (key: keyof ServerOptions) => {
    const option = rows.get(key)
    return option === undefined || option.isSecret ? null : writtenValue(option, options)
  }
  const show = (key: keyof ServerOptions) => {
    const name = rows.get(key)?.name ?? key
    return `${name} = ${showValue(valueOf(key))} (${showOriginIn(name, origins[key])})`
  }
  return configRules.flatMap((rule) => {
    if (rule.fields.some((field) => broken.has(field))) return []
    const message = rule.fault(options, show, kindOf)
    const [field] = rule.fields
    return message === null
      ? []
      : [{ field: rows.get(field)?.name ?? field, origin: origins[field], value: valueOf(field), message }]
  })
}
