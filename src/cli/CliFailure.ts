import { Data } from "effect"

/** What the command's exit status says; the same for all commands, and documented in docs/cli.md. */
export const ExitCode = {
  ok: 0,
  /** The operation was tried and failed. */
  failed: 1,
  /** The command line or the configuration is wrong; nothing was tried. */
  usage: 2,
  /** No server answers. */
  unreachable: 3,
  /** Ctrl-C: 128 + SIGINT, as shells count. */
  interrupted: 130
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** An expected failure, in words for the person at the terminal. It is printed without a stack. */
export class CliFailure extends Data.TaggedError("CliFailure")<{
  readonly exitCode: ExitCode
  /** One line: what happened. Null where the output has said it already. */
  readonly what: string | null
  /** A line each: what belongs to it (places in the code, fields that are wrong). */
  readonly details?: ReadonlyArray<string>
  /** One line: what to do next. */
  readonly next?: string
  /** The invocation that failed, where there was one: its lines in the log bear this id. */
  readonly invocationId?: string
  /** What the service said of it: the fields of its problem, as over HTTP. For machines; `--json` prints them. */
  readonly problem?: Readonly<Record<string, unknown>>
}> {
  /** The same failure with some fields changed. */
  but(changes: Partial<Pick<CliFailure, "details" | "next">>): CliFailure {
    const { details, exitCode, invocationId, next, problem, what } = this
    const given = { details, next, invocationId, problem, ...changes }
    const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    return new CliFailure({ exitCode, what, ...fields })
  }

  /** For `--json`: one line, an object `error` with these words, the exit code, and the service's own fields where it spoke. */
  get json() {
    const { details, exitCode, next, problem, what } = this
    return JSON.stringify({ error: { ...problem, message: what, details, next, exit_code: exitCode } })
  }

  override get message() {
    return [
      `error: ${this.what}`,
      ...(this.details ?? []).map((detail) => `  - ${detail}`),
      ...(this.next === undefined ? [] : [`  ${this.next}`])
    ].join("\n")
  }
}

/** The command line is wrong. */
export const usage = (what: string, next?: string): CliFailure =>
  new CliFailure({ exitCode: ExitCode.usage, what, ...(next === undefined ? {} : { next }) })

/** Ends the command with this exit code and no words. */
export const silent = (exitCode: ExitCode): CliFailure => new CliFailure({ exitCode, what: null })

/** The service's messages say what happened and, after a semicolon, what to do: here these are two lines. */
export const splitAdvice = (message: string): { readonly what: string; readonly next?: string } => {
  const at = message.indexOf("; ")
  return at < 0 ? { what: message } : { what: message.slice(0, at), next: message.slice(at + 2) }
}
