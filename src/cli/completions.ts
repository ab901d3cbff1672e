import type { CommandGroup, CommandSpec, FlagSpec } from "./CommandLine.ts"

/**
 * Completion scripts, made from the commands' specs. (@effect/cli makes some too; in bash they know nothing of commands
 * below the first level, and in fish an apostrophe in a description breaks them.)
 */
export const completionScript = (
  shell: string,
  commands: ReadonlyArray<CommandSpec>,
  groups: ReadonlyArray<CommandGroup>
): string | null => {
  switch (shell) {
    case "bash":
      return bash(commands, groups)
    case "zsh":
      // zsh runs bash's completions as they are
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands, groups)}`
    case "fish":
      return fish(commands, groups)
    default:
      return null
  }
}

const PROGRAM_FLAGS = "--help --version --completions"

const namesOf = (group: CommandGroup): ReadonlyArray<string> => [group.name, ...group.aliases]
const flagWords = (spec: CommandSpec): string =>
  [...spec.flags.map(({ name }) => `--${name}`), "--help"].join(" ")
const isFile = ({ value }: FlagSpec): boolean => value === "PATH" || value === "FILE" || value === "FOLDER"
const unique = (words: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(words)]

const bash = (commands: ReadonlyArray<CommandSpec>, groups: ReadonlyArray<CommandGroup>): string => {
  const all: ReadonlyArray<readonly [path: string, spec: CommandSpec]> = [
    ...commands.map((spec) => [`/${spec.name}`, spec] as const),
    ...groups.flatMap((group) => group.commands.map((spec) => [`/${group.name}/${spec.name}`, spec] as const))
  ]
  const flags = all.flatMap(([, spec]) => spec.flags)
  const choices = new Map(
    flags.flatMap(({ name, choices }) => (choices === undefined ? [] : [[name, choices] as const]))
  )
  const files = unique(flags.filter(isFile).map(({ name }) => `--${name}`))
  const valued = unique(
    flags
      .filter(({ value }) => value !== null)
      .flatMap(({ name, alias }) => [`--${name}`, ...(alias ? [`-${alias}`] : [])])
  )
  return [
    "_bunbase() {",
    '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" path="" word i',
    "  COMPREPLY=()",
    '  case "$prev" in',
    ...[...choices].map(
      ([name, values]) =>
        `    --${name}) COMPREPLY=($(compgen -W "${values.join(" ")}" -- "$cur")); return ;;`
    ),
    '    --completions) COMPREPLY=($(compgen -W "bash zsh fish" -- "$cur")); return ;;',
    ...(files.length === 0 ? [] : [`    ${files.join("|")}) COMPREPLY=($(compgen -f -- "$cur")); return ;;`]),
    `    ${valued.join("|")}) return ;;`,
    "  esac",
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    '    word="${COMP_WORDS[i]}"',
    '    case "$path/$word" in',
    ...commands.map(({ name }) => `      /${name}) path=/${name} ;;`),
    ...groups.map(
      (group) =>
        `      ${namesOf(group)
          .map((name) => `/${name}`)
          .join("|")}) path=/${group.name} ;;`
    ),
    ...groups.flatMap((group) =>
      group.commands.map(({ name }) => `      /${group.name}/${name}) path=/${group.name}/${name} ;;`)
    ),
    "    esac",
    "  done",
    '  case "$path" in',
    `    "") COMPREPLY=($(compgen -W "${[...commands.map(({ name }) => name), ...groups.flatMap(namesOf)].join(" ")} ${PROGRAM_FLAGS}" -- "$cur")) ;;`,
    ...groups.map(
      (group) =>
        `    /${group.name}) COMPREPLY=($(compgen -W "${group.commands.map(({ name }) => name).join(" ")} --help" -- "$cur")) ;;`
    ),
    ...all.map(([path, spec]) => {
      const takesFile = spec.arguments.some(({ name }) => name.includes("FILE"))
      const flagsOnly = `COMPREPLY=($(compgen -W "${flagWords(spec)}" -- "$cur"))`
      return takesFile
        ? `    ${path}) if [[ "$cur" == -* ]]; then ${flagsOnly}; else COMPREPLY=($(compgen -f -- "$cur")); fi ;;`
        : `    ${path}) ${flagsOnly} ;;`
    }),
    "  esac",
    "}",
    "complete -o filenames -F _bunbase bunbase",
    ""
  ].join("\n")
}

const quote = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`

const fish = (commands: ReadonlyArray<CommandSpec>, groups: ReadonlyArray<CommandGroup>): string => {
  const line = (condition: string, rest: string) => `complete -c bunbase -n ${quote(condition)} ${rest}`
  const flagLines = (condition: string, spec: CommandSpec) =>
    spec.flags.map(({ name, alias, value, choices, description, ...flag }) =>
      line(
        condition,
        [
          `-l ${name}`,
          ...(alias === undefined ? [] : [`-s ${alias}`]),
          ...(value === null
            ? []
            : choices !== undefined
              ? [`-x -a ${quote(choices.join(" "))}`]
              : isFile({ name, value, description, ...flag })
                ? ["-r -F"]
                : ["-x"]),
          `-d ${quote(description)}`
        ].join(" ")
      )
    )
  const top = "__fish_use_subcommand"
  return [
    "complete -c bunbase -f",
    ...commands.map((spec) => line(top, `-a ${spec.name} -d ${quote(spec.summary)}`)),
    ...groups.flatMap((group) =>
      namesOf(group).map((name) => line(top, `-a ${name} -d ${quote(group.summary)}`))
    ),
    line(top, `-l version -d 'Show the version.'`),
    line(top, `-l completions -x -a 'bash zsh fish' -d 'Print a completion script.'`),
    ...commands.flatMap((spec) => flagLines(`__fish_seen_subcommand_from ${spec.name}`, spec)),
    ...groups.flatMap((group) => {
      const inGroup = `__fish_seen_subcommand_from ${namesOf(group).join(" ")}`
      const names = group.commands.map(({ name }) => name).join(" ")
      return [
        ...group.commands.map((spec) =>
          line(
            `${inGroup}; and not __fish_seen_subcommand_from ${names}`,
            `-a ${spec.name} -d ${quote(spec.summary)}`
          )
        ),
        ...group.commands.flatMap((spec) => {
          const condition = `${inGroup}; and __fish_seen_subcommand_from ${spec.name}`
          const takesFile = spec.arguments.some(({ name }) => name.includes("FILE"))
          return [...(takesFile ? [line(condition, "-F")] : []), ...flagLines(condition, spec)]
        })
      ]
    }),
    ""
  ].join("\n")
}
