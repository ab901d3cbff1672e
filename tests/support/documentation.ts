import { fileURLToPath } from "node:url"
import { format, resolveConfig } from "prettier"
import { commands as conformanceCommands } from "../../conformance/cli/commands.ts"
import { commandHelp as conformanceHelp } from "../../conformance/cli/help.ts"
import { commandHelp, programHelp } from "../../src/cli/Help.ts"
import { commands, examples, functions, summary } from "../../src/cli/Program.ts"
import { defaultText } from "../../src/config/defaultText.ts"
import { serverOptions, type ServerOption } from "../../src/config/OptionTable.ts"

/** The parts of docs/ that are made from the program itself, so that they cannot tell anything else than it does. */

export const documentPath = (name: string): string =>
  fileURLToPath(new URL(`../../docs/${name}`, import.meta.url))

const cell = (text: string): string => text.replaceAll("|", "\\|")

const shownDefault = (option: ServerOption): string => {
  const text = defaultText(option)
  if (text === null) return "none"
  return text.includes(" ") ? text : `\`${text}\``
}

const optionTable = (): string =>
  [
    "| option (file) | flag | environment | default | unit | what it sets |",
    "|---|---|---|---|---|---|",
    ...serverOptions.map((option) =>
      [
        "",
        `\`${option.name}\``,
        option.flag === null ? "not as a flag" : `\`--${option.flag}\``,
        `\`${option.env}\``,
        shownDefault(option),
        option.unit ?? "",
        option.description,
        ""
      ]
        .map((text) => (text === "" ? "" : ` ${cell(text)} `))
        .join("|")
        .replaceAll("||", "| |")
    )
  ].join("\n")

const block = (text: string): string => `\`\`\`text\n${text.trimEnd()}\n\`\`\``

const helpPages = (): string =>
  [
    ...commands.map((spec) => ["bunbase", spec] as const),
    ...functions.commands.map((spec) => ["bunbase fn", spec] as const)
  ]
    .map(
      ([prefix, spec]) =>
        `### ${prefix} ${spec.name}\n\n${block(commandHelp(`${prefix} ${spec.name}`, spec, true))}`
    )
    .join("\n\n")

const conformancePages = (): string =>
  conformanceCommands
    .map((spec) => `### ${spec.name}\n\n${block(conformanceHelp("bunbase conformance", spec))}`)
    .join("\n\n")

/** By document and name of the part. */
export const generatedParts: ReadonlyArray<{
  readonly document: string
  readonly part: string
  readonly text: () => string
}> = [
  { document: "configuration.md", part: "options", text: optionTable },
  {
    document: "cli.md",
    part: "program",
    text: () => block(programHelp(summary, commands, [functions], examples))
  },
  { document: "cli.md", part: "commands", text: helpPages },
  { document: "conformance.md", part: "commands", text: conformancePages }
]

/** The document with the part between its two marks replaced, in the project's format. */
export const withPart = async (document: string, part: string, text: string): Promise<string> => {
  const begin = `<!-- begin ${part} -->`
  const end = `<!-- end ${part} -->`
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the document has no part "${part}"`)
  const replaced = `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`
  const options = await resolveConfig(documentPath("cli.md"))
  return await format(replaced, { ...options, parser: "markdown" })
}
