import { Either } from "effect"
import { didYouMean, didYouMeanOneOf, namesLike } from "../config/DidYouMean.ts"
import { CliFailure, ExitCode, usage } from "./CliFailure.ts"
import { type CommandSpec, type FlagSpec, innerName, packValues } from "./CommandLine.ts"

export interface ReadArguments {
  readonly helpWanted: boolean
  /** As a command's `run` takes them: `--flag value … -- positional …`. */
  readonly args: ReadonlyArray<string>
  /** What is wrong with the flags, where the command tells more along with it (`alsoWrong`); `args` has the others then. */
  readonly faults: ReadonlyArray<CliFailure>
}

/**
 * Checks what stands behind a command's name against its spec, and brings it into one form: flags may stand before, between
 * and behind the positional arguments, as `--flag value`, `--flag=value`, `-f value` or `-fvalue`; `--` ends them.
 * @effect/cli, which parses the result, neither names near matches nor takes all of these.
 */
export const readArguments = (
  path: string,
  spec: CommandSpec,
  tokens: ReadonlyArray<string>
): Either.Either<ReadArguments, CliFailure> => {
  const flags: Array<string> = []
  const positionals: Array<string> = []
  const repeated = new Map<string, Array<string>>()
  const seen = new Set<string>()
  const faults: Array<CliFailure> = []
  const help = `see: ${path} --help`
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] ?? ""
    if (token === "--") {
      positionals.push(...tokens.slice(at + 1))
      break
    }
    if (token === "--help" || token === "-h") return Either.right({ helpWanted: true, args: [], faults: [] })
    if (!token.startsWith("-") || token === "-") {
      positionals.push(token)
      continue
    }
    const { written, attached } = splitFlag(token)
    const flag = spec.flags.find(({ name, alias }) => written === `--${name}` || written === `-${alias}`)
    if (flag === undefined) {
      faults.push(unknownFlag(path, spec, written))
      continue
    }
    const isSecond = seen.has(flag.name) && flag.repeated !== true
    if (isSecond) faults.push(usage(`${written} is given twice`, help))
    seen.add(flag.name)
    if (flag.value === null) {
      if (attached !== null) faults.push(usage(`${written} takes no value`, help))
      else if (!isSecond) flags.push(`--${innerName(flag.name)}`)
      continue
    }
    const value = attached ?? tokens[at + 1]
    if (value === undefined || (attached === null && isFlagOf(spec, value))) {
      const example = value === undefined ? "" : `; if ${value} is the value, write ${written}=${value}`
      faults.push(usage(`${written} needs a value: ${written} ${flag.value}${example}`, help))
      continue
    }
    if (attached === null) at += 1
    const fault = choiceFault(flag, value)
    if (fault !== null) faults.push(fault)
    else if (flag.repeated === true) repeated.set(flag.name, [...(repeated.get(flag.name) ?? []), value])
    else if (!isSecond) flags.push(`--${innerName(flag.name)}`, value)
  }
  for (const [name, values] of repeated) flags.push(`--${innerName(name)}`, packValues(values))
  if (faults.length > 0) {
    // What stands without dashes may be the value of a flag that there is not: it is not counted.
    return spec.alsoWrong === undefined
      ? Either.left(together(faults))
      : Either.right({ helpWanted: false, args: [...flags, "--"], faults })
  }
  const missing = spec.arguments[positionals.length]
  if (missing !== undefined) {
    const better = spec.tooFew?.(positionals) ?? null
    if (better !== null) return Either.left(better)
    return Either.left(usage(`${path} needs ${missing.name}: ${missing.description}`, example(spec) ?? help))
  }
  const extra = positionals[spec.arguments.length]
  if (extra !== undefined) {
    const takes = spec.arguments.map(({ name }) => name).join(" ")
    return Either.left(usage(`${path} takes ${takes || "no arguments"}; "${extra}" is one too many`, help))
  }
  return Either.right({ helpWanted: false, args: [...flags, "--", ...positionals], faults: [] })
}

/** Faults of one command line as one failure; `more` are those that its values have. */
export const together = (faults: ReadonlyArray<CliFailure>, more: ReadonlyArray<string> = []): CliFailure => {
  const [first] = faults
  const count = faults.length + more.length
  if (first !== undefined && count === 1) return first
  const details = [
    ...faults.map(({ next, what }) => `${what}${next === undefined ? "" : `; ${next}`}`),
    ...more
  ]
  return new CliFailure({
    exitCode: ExitCode.usage,
    what: `the command line has ${count} faults; nothing was done`,
    details
  })
}

const splitFlag = (token: string): { readonly written: string; readonly attached: string | null } => {
  if (!token.startsWith("--")) {
    return token.length > 2
      ? { written: token.slice(0, 2), attached: token.slice(2) }
      : { written: token, attached: null }
  }
  const equals = token.indexOf("=")
  return equals < 0
    ? { written: token, attached: null }
    : { written: token.slice(0, equals), attached: token.slice(equals + 1) }
}

const isFlagOf = (spec: CommandSpec, token: string): boolean =>
  spec.flags.some(({ name, alias }) => token === `--${name}` || token === `-${alias}`)

const unknownFlag = (path: string, spec: CommandSpec, written: string): CliFailure => {
  const known = ["--help", ...spec.flags.map(({ name }) => `--${name}`)]
  const names = written.startsWith("--") ? namesLike(written, known) : []
  return usage(
    `${path} has no flag ${written}`,
    didYouMeanOneOf(names) ?? `see its flags with: ${path} --help`
  )
}

const choiceFault = ({ name, choices }: FlagSpec, value: string): CliFailure | null => {
  if (choices === undefined || choices.includes(value)) return null
  const nearest = didYouMean(value, choices)
  return usage(
    `--${name} cannot be "${value}"`,
    nearest === null
      ? `use one of: ${choices.join(", ")}`
      : `did you mean ${nearest}? (${choices.join(", ")})`
  )
}

const example = ({ examples }: CommandSpec): string | null =>
  examples[0] === undefined ? null : `for example: ${examples[0]}`
