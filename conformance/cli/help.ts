import { type Command, type Flag } from "./parseFlags.ts"

const WIDTH = 100
const LEFT = 26

/** Help of the program, at most 100 columns wide. */
export const programHelp = (path: string, commands: ReadonlyArray<Command>): string =>
  `Hold a worker or a server against the specification.

Usage:
  ${path} COMMAND [flags]

Commands:
${commands.map(({ name, summary }) => row(name, `${capital(summary)}.`)).join("\n")}

Exit codes:
${row("0", "Everything that was checked holds.")}
${row("1", "A case failed (not for a SHOULD or MAY alone), or a MUST that binds the target is untested, or unchecked and no --partial.")}
${row("2", "The command line is wrong, an id is unknown, or a case file is malformed. Nothing was run.")}
${row("3", "The target does not start, dies at once, hangs, floods its output, or speaks another protocol.")}
${row("130", "Interrupted; what there was is reported.")}

See ${path} COMMAND --help for one of them. The requirements are in spec/.
`

export const commandHelp = (path: string, command: Command): string =>
  [
    `${capital(command.summary)}.`,
    `Usage:\n  ${path} ${command.name}${command.files === null ? "" : ` ${command.files}`} [flags]`,
    ...command.details.map((paragraph) => wrapped(paragraph, 0).join("\n")),
    `Flags:\n${[...command.flags.map(flagRow), row("--help", "Show this help.")].join("\n")}`,
    `Examples:\n${command.examples.map((line) => `  ${line}`).join("\n")}`
  ].join("\n\n") + "\n"

const flagRow = ({ choices, description, fallback, list, name, value }: Flag): string =>
  row(
    `--${name}${value === null ? "" : ` ${value}`}`,
    [
      description,
      ...(choices === undefined ? [] : [`${list === true ? "Of" : "One of"}: ${choices.join(", ")}.`]),
      ...(fallback === undefined ? [] : [`Default: ${fallback}.`])
    ].join(" ")
  )

const row = (left: string, text: string): string => {
  const [first = "", ...more] = wrapped(text, LEFT + 4)
  const head =
    left.length > LEFT
      ? `  ${left}\n${" ".repeat(LEFT + 4)}${first.trimStart()}`
      : `  ${left.padEnd(LEFT)}  ${first.trimStart()}`
  return [head, ...more].join("\n")
}

const wrapped = (text: string, indent: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = " ".repeat(indent)
  for (const word of text.split(" ")) {
    if (line.trim() !== "" && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = " ".repeat(indent)
    }
    line += line.trim() === "" ? word : ` ${word}`
  }
  return [...lines, line]
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
