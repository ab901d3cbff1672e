import type { CommandGroup, CommandSpec, FlagSpec } from "./CommandLine.ts"

/** Help in plain text, at most 100 columns wide. */

const WIDTH = 100

/**
 * Help of one command; `path` is what one types to get there. `general`: as it is in every installation, for documents.
 */
export const commandHelp = (path: string, spec: CommandSpec, general = false): string => {
  if (spec.own !== undefined) return spec.own.help()
  const positionals = spec.arguments.map(({ name }) => name)
  const usage = [path, ...positionals, ...(spec.flags.length > 0 ? ["[flags]"] : [])].join(" ")
  return sections([
    [null, [`${capital(spec.summary)}.`]],
    ["Usage", [`  ${usage}`]],
    ...spec.details.map((paragraph): Section => [null, wrapped(paragraph, "")]),
    ["Arguments", columns(spec.arguments.map(({ name, description }) => [name, description]))],
    [
      "Flags",
      columns([...spec.flags.map((flag) => flagRow(flag, general)), ["-h, --help", "Show this help."]])
    ],
    ["Examples", spec.examples.map((line) => `  ${line}`)]
  ])
}

/** Help of the program. */
export const programHelp = (
  summary: string,
  commands: ReadonlyArray<CommandSpec>,
  groups: ReadonlyArray<CommandGroup>,
  examples: ReadonlyArray<string>
): string =>
  sections([
    [null, [summary]],
    ["Usage", ["  bunbase COMMAND [arguments] [flags]"]],
    [
      "Commands",
      columns([
        ...commands.map((spec): Row => [spec.name, `${capital(spec.summary)}.`]),
        ...groups.flatMap((group) =>
          group.commands.map((spec): Row => [
            `${group.aliases[0] ?? group.name} ${spec.name}`,
            `${capital(spec.summary)}.`
          ])
        )
      ])
    ],
    ...groups
      .filter(({ aliases }) => aliases.length > 0)
      .map((group): Section => [null, [`"${group.aliases.join(", ")}" is short for "${group.name}".`]]),
    [
      "Flags",
      columns([
        ["-h, --help", "Show help; also behind any command."],
        ["-v, --version", "Show the version."],
        ["    --completions SHELL", "Print a completion script for bash, zsh or fish."]
      ])
    ],
    ["Examples", examples.map((line) => `  ${line}`)]
  ])

/** Help of a group of commands. */
export const groupHelp = (path: string, group: CommandGroup): string =>
  sections([
    [null, [`${capital(group.summary)}.`]],
    ["Usage", [`  ${path} COMMAND [arguments] [flags]`]],
    ["Commands", columns(group.commands.map((spec): Row => [spec.name, `${capital(spec.summary)}.`]))],
    [null, [`See ${path} COMMAND --help for one of them.`]]
  ])

type Section = readonly [title: string | null, lines: ReadonlyArray<string>]
type Row = readonly [left: string, right: string]

const sections = (all: ReadonlyArray<Section>): string =>
  all
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [...(title === null ? [] : [`${title}:`]), ...lines].join("\n"))
    .join("\n\n") + "\n"

const flagRow = (
  { name, alias, value, description, repeated, choices, refused, fallback }: FlagSpec,
  general: boolean
): Row => [
  `${alias === undefined ? "    " : `-${alias}, `}--${name}${value === null ? "" : ` ${value}`}`,
  [
    description,
    ...(choices === undefined
      ? []
      : [`One of: ${shownChoices(choices, general ? [] : (refused?.() ?? []))}.`]),
    ...(fallback === undefined ? [] : [`Default: ${fallback}.`]),
    ...(repeated === true ? ["May be given several times."] : [])
  ].join(" ")
]

const shownChoices = (choices: ReadonlyArray<string>, refused: ReadonlyArray<string>): string =>
  choices.map((one) => (refused.includes(one) ? `${one} (not in this installation)` : one)).join(", ")

const columns = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const left = Math.min(34, Math.max(0, ...rows.map(([cell]) => cell.length)))
  const indent = " ".repeat(left + 4)
  return rows.flatMap(([cell, text]) => {
    const lines = wrapped(text, indent)
    const first = lines[0]?.slice(indent.length) ?? ""
    return cell.length > left
      ? [`  ${cell}`, `${indent}${first}`, ...lines.slice(1)]
      : [`  ${cell.padEnd(left)}  ${first}`, ...lines.slice(1)]
  })
}

const wrapped = (text: string, indent: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return line === "" ? lines : [...lines, indent + line]
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
