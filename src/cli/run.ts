import { Cause, Effect, Either, Exit } from "effect"
import { didYouMean, didYouMeanOneOf, namesLike } from "../config/DidYouMean.ts"
import { VERSION } from "../domain/Product.ts"
import { type CliFailure, ExitCode, silent, usage } from "./CliFailure.ts"
import type { CommandSpec } from "./CommandLine.ts"
import { completionScript } from "./completions.ts"
import { commandHelp, groupHelp, programHelp } from "./Help.ts"
import { note, print, surviveClosedPipes } from "./Output.ts"
import { commands, examples, functions, notInThisVersion, otherWords, summary } from "./Program.ts"
import { readArguments, together } from "./readArguments.ts"

/** Runs the command that the arguments name; ends the process with its exit code. */
export const runCli = (args: ReadonlyArray<string>): void => {
  surviveClosedPipes()
  const fiber = Effect.runFork(dispatch(args))
  // These have handlers of their own: the server drains before it ends, the conformance suite ends what it started.
  if (args[0] !== "serve" && args[0] !== "conformance") {
    process.once("SIGINT", () => {
      fiber.unsafeInterruptAsFork(fiber.id())
      setTimeout(() => process.exit(ExitCode.interrupted), INTERRUPTION_MS)
    })
  }
  const flags = args.includes("--") ? args.slice(0, args.indexOf("--")) : args
  fiber.addObserver((exit) => process.exit(exitCodeOf(exit, flags.includes("--json"))))
}

/** What a command gets to clear up in after Ctrl-C. */
const INTERRUPTION_MS = 300

/** The exit code; what failed has been said on stderr: in words, or where JSON was asked for as one line of it. */
const exitCodeOf = (exit: Exit.Exit<void, CliFailure>, asJson: boolean): number => {
  if (Exit.isSuccess(exit)) return ExitCode.ok
  if (Cause.isInterruptedOnly(exit.cause)) return ExitCode.interrupted
  const failure = Cause.failureOption(exit.cause)
  if (failure._tag === "Some") {
    const { json, message, what } = failure.value
    if (what !== null) process.stderr.write(`${asJson ? json : message}\n`)
    return failure.value.exitCode
  }
  // Not expected: here the stack is what somebody will need.
  process.stderr.write(`internal error: ${Cause.pretty(exit.cause)}\n`)
  return ExitCode.failed
}

const dispatch = (args: ReadonlyArray<string>): Effect.Effect<void, CliFailure> => {
  const [first, ...rest] = args[0] === "help" ? [...args.slice(1), "--help"] : args
  if (first === undefined || first === "--help" || first === "-h") {
    const help = programHelp(summary, commands, [functions], examples)
    return first === undefined ? missingCommand(help) : print(help)
  }
  if (first === "--version" || first === "-v" || first === "-V") return print(`${VERSION}\n`)
  if (first === "--completions") return completions(rest[0])
  const command = commands.find(({ name }) => name === first)
  if (command !== undefined) return runCommand(`bunbase ${first}`, command, rest)
  if (first === functions.name || functions.aliases.includes(first)) return dispatchFunction(first, rest)
  if (first.startsWith("-")) {
    const names = first.startsWith("--") ? namesLike(first, ["--help", "--version", "--completions"]) : []
    return Effect.fail(
      usage(
        `bunbase has no flag ${first}`,
        didYouMeanOneOf(names) ?? "flags stand behind the command; see: bunbase --help"
      )
    )
  }
  const known = [...commands.map(({ name }) => name), functions.name, ...functions.aliases]
  const nearest = didYouMean(first, known)
  const missing = missingFunctionCommand("bunbase fn", first, first)
  if (missing !== null) return Effect.fail(missing)
  const builtIn = ["help", "version", "completions"].find((name) => name === first)
  return Effect.fail(
    usage(
      `there is no command "${first}"`,
      builtIn !== undefined
        ? `did you mean: bunbase --${first}?`
        : nearest === null
          ? "see all commands with: bunbase --help"
          : `did you mean: bunbase ${nearest}?`
    )
  )
}

/** What to say where a word names no function command of ours, but what is meant is plain; null where it is not. */
const missingFunctionCommand = (path: string, word: string, typed: string): CliFailure | null => {
  const instead = notInThisVersion.get(word)
  if (instead !== undefined) return usage(`there is no "${path} ${word}" in this version`, instead)
  const command = functions.commands.some(({ name }) => name === word) ? word : otherWords.get(word)
  return command === undefined
    ? null
    : usage(`there is no command "${typed}"`, `did you mean: ${path} ${command}?`)
}

const missingCommand = (help: string): Effect.Effect<void, CliFailure> =>
  Effect.zipRight(note(help.trimEnd()), Effect.fail(silent(ExitCode.usage)))

const dispatchFunction = (group: string, args: ReadonlyArray<string>): Effect.Effect<void, CliFailure> => {
  const path = `bunbase ${group}`
  const [first, ...rest] = args
  if (first === undefined || first === "--help" || first === "-h") {
    const help = groupHelp(path, functions)
    return first === undefined ? missingCommand(help) : print(help)
  }
  const command = functions.commands.find(({ name }) => name === first)
  if (command !== undefined) return runCommand(`${path} ${first}`, command, rest)
  if (first.startsWith("-")) {
    return Effect.fail(
      usage(`${path} has no flag ${first}`, `flags stand behind the command; see: ${path} --help`)
    )
  }
  const missing = missingFunctionCommand(path, first, `${path} ${first}`)
  if (missing !== null) return Effect.fail(missing)
  const nearest = didYouMean(
    first,
    functions.commands.map(({ name }) => name)
  )
  return Effect.fail(
    usage(
      `there is no command "${path} ${first}"`,
      nearest === null ? `see all of them with: ${path} --help` : `did you mean: ${path} ${nearest}?`
    )
  )
}

const runCommand = (
  path: string,
  spec: CommandSpec,
  tokens: ReadonlyArray<string>
): Effect.Effect<void, CliFailure> => {
  if (spec.own !== undefined) return spec.run(tokens)
  return Either.match(readArguments(path, spec, tokens), {
    onLeft: (failure) => Effect.fail(failure),
    onRight: ({ args, faults, helpWanted }) => {
      if (helpWanted) return print(commandHelp(path, spec))
      if (faults.length === 0) return spec.run(args)
      return Effect.flatMap(spec.alsoWrong?.(args) ?? Effect.succeed([]), (more) =>
        Effect.fail(together(faults, more))
      )
    }
  })
}

const completions = (shell = ""): Effect.Effect<void, CliFailure> => {
  const script = completionScript(shell, commands, [functions])
  return script === null
    ? Effect.fail(usage("--completions needs the name of a shell", "use one of: bash, zsh, fish"))
    : print(script)
}
