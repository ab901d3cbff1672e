import {
  Args,
  CliConfig,
  Command,
  CommandDescriptor,
  HelpDoc,
  Options,
  type ValidationError
} from "@effect/cli"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Terminal from "@effect/platform/Terminal"
import { Effect, Layer, Option, Schema } from "effect"
import { type CliFailure, usage } from "./CliFailure.ts"

/** A flag as help, checks and completions see it. */
export interface FlagSpec {
  /** Without the dashes. */
  readonly name: string
  /** One letter. */
  readonly alias?: string
  /** What its value is called in help; null where it takes none. */
  readonly value: string | null
  readonly description: string
  readonly repeated?: true
  readonly choices?: ReadonlyArray<string>
  /** Those of the choices that this installation lacks; help says so. */
  readonly refused?: () => ReadonlyArray<string>
  /** What holds where the flag is left out, in words. */
  readonly fallback?: string
}

/** A positional argument; none may be left out. */
export interface ArgumentSpec {
  readonly name: string
  readonly description: string
}

interface Flag<A> {
  readonly flag: FlagSpec
  readonly parser: Options.Options<A>
}
interface Argument<A> {
  readonly argument: ArgumentSpec
  readonly parser: Args.Args<A>
}

/** What a command takes: each becomes a field of what its `run` gets. */
export type Parameters = Readonly<Record<string, Flag<unknown> | Argument<unknown>>>
export type Parsed<P extends Parameters> = {
  readonly [K in keyof P]: P[K] extends Flag<infer A> ? A : P[K] extends Argument<infer A> ? A : never
}

/** One command. */
export interface CommandSpec {
  readonly name: string
  /** One line. */
  readonly summary: string
  /** Paragraphs for its help. */
  readonly details: ReadonlyArray<string>
  readonly arguments: ReadonlyArray<ArgumentSpec>
  readonly flags: ReadonlyArray<FlagSpec>
  /** Lines to type, without the prompt. */
  readonly examples: ReadonlyArray<string>
  /** Says more of a line with too few positional arguments; null where there is nothing to add. */
  readonly tooFew?: (positionals: ReadonlyArray<string>) => CliFailure | null
  /**
   * What else is wrong where flags are: a line each, of those that were understood. A command that has it takes no
   * positional arguments.
   */
  readonly alsoWrong?: (args: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>>
  /** A program of its own: `run` gets what stands behind its name as it is, also `--help`. */
  readonly own?: { readonly help: () => string }
  /** Takes arguments that were checked against this spec, in the order `flags -- positionals`. */
  readonly run: (args: ReadonlyArray<string>) => Effect.Effect<void, CliFailure>
}

/** Commands under one name. */
export interface CommandGroup {
  readonly name: string
  readonly aliases: ReadonlyArray<string>
  readonly summary: string
  readonly commands: ReadonlyArray<CommandSpec>
}

/**
 * @effect/cli takes these for itself, in every command. Where a command of ours has one, it hands it over under the
 * second name; nobody has to know.
 */
const innerNames: Readonly<Record<string, string>> = {
  version: "version-label",
  "log-level": "server-log-level"
}
export const innerName = (flag: string): string => innerNames[flag] ?? flag

const described = <A>(parser: Options.Options<A>, description: string) =>
  Options.withDescription(parser, description)

/** A flag without a value. */
export const toggle = (name: string, description: string, alias?: string): Flag<boolean> => ({
  flag: { name, value: null, description, ...(alias === undefined ? {} : { alias }) },
  parser: described(Options.boolean(innerName(name)), description)
})

/** A flag with a value. */
export const option = (
  name: string,
  value: string,
  description: string,
  more: Pick<FlagSpec, "alias" | "choices" | "refused" | "fallback"> = {}
): Flag<string | undefined> => ({
  flag: { name, value, description, ...more },
  parser: described(Options.text(innerName(name)), description).pipe(
    Options.optional,
    Options.map(Option.getOrUndefined)
  )
})

const Values = Schema.parseJson(Schema.Array(Schema.String))
/** How the values of a flag that was given several times travel to its parser: @effect/cli drops empty ones. */
export const packValues: (values: ReadonlyArray<string>) => string = Schema.encodeSync(Values)

/** A flag that may be given several times. */
export const repeatedOption = (
  name: string,
  value: string,
  description: string,
  alias?: string
): Flag<ReadonlyArray<string>> => ({
  flag: { name, value, description, repeated: true, ...(alias === undefined ? {} : { alias }) },
  parser: described(Options.text(innerName(name)), description).pipe(
    Options.withSchema(Values),
    Options.withDefault([])
  )
})

export const argument = (name: string, description: string): Argument<string> => ({
  argument: { name, description },
  parser: Args.text({ name }).pipe(Args.withDescription(description))
})

/** Defines a command. `run` gets its parameters by name; what heavy code it needs it imports when it runs. */
export const command = <const P extends Parameters>(spec: {
  readonly name: string
  readonly summary: string
  readonly details?: ReadonlyArray<string>
  readonly parameters: P
  readonly examples: ReadonlyArray<string>
  readonly tooFew?: CommandSpec["tooFew"]
  /** Gives the faults of the values, a line each, where the flags have some too. */
  readonly alsoWrong?: (parsed: Parsed<P>) => Effect.Effect<ReadonlyArray<string>>
  readonly run: (parsed: Parsed<P>) => Effect.Effect<void, CliFailure>
}): CommandSpec => {
  const parameters = Object.values(spec.parameters)
  const parsers = Object.fromEntries(
    Object.entries(spec.parameters).map(([key, { parser }]) => [key, parser])
  )
  const definition = Command.make(spec.name, parsers).pipe(Command.withDescription(spec.summary))
  const parsing = <A>(
    args: ReadonlyArray<string>,
    use: (parsed: Parsed<P>) => Effect.Effect<A, CliFailure>
  ): Effect.Effect<A, CliFailure> =>
    CommandDescriptor.parse(definition.descriptor, [spec.name, ...args], parserConfig).pipe(
      Effect.provide(noTerminal),
      Effect.mapError(failureOf),
      Effect.flatMap((directive) =>
        directive._tag === "UserDefined" && directive.leftover.length === 0
          ? // the record of parsers has the keys of P, and each gives its own parameter's type
            use(directive.value as Parsed<P>)
          : Effect.fail(usage(`these arguments were not understood: ${args.join(" ")}`))
      )
    )
  const { alsoWrong } = spec
  return {
    name: spec.name,
    summary: spec.summary,
    details: spec.details ?? [],
    arguments: parameters.flatMap((parameter) => ("argument" in parameter ? [parameter.argument] : [])),
    flags: parameters.flatMap((parameter) => ("flag" in parameter ? [parameter.flag] : [])),
    examples: spec.examples,
    ...(spec.tooFew === undefined ? {} : { tooFew: spec.tooFew }),
    ...(alsoWrong === undefined
      ? {}
      : {
          alsoWrong: (args) =>
            parsing(args, alsoWrong).pipe(Effect.orElseSucceed((): ReadonlyArray<string> => []))
        }),
    run: (args) => parsing(args, spec.run)
  }
}

const parserConfig = CliConfig.make({ isCaseSensitive: true, showBuiltIns: false })

// Flags that name files or ask questions would need these; there are none.
const noTerminal = Layer.mergeAll(
  FileSystem.layerNoop({}),
  Path.layer,
  Layer.succeed(
    Terminal.Terminal,
    Terminal.Terminal.of({
      columns: Effect.succeed(80),
      rows: Effect.succeed(24),
      isTTY: Effect.succeed(false),
      readInput: Effect.never,
      readLine: Effect.fail(new Terminal.QuitException()),
      display: () => Effect.void
    })
  )
)

const failureOf = (error: ValidationError.ValidationError): CliFailure =>
  usage(Bun.stripANSI(HelpDoc.toAnsiText(error.error)).trim())
