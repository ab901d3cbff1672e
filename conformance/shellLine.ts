/** What `/bin/sh -c` is given, and who has the number of the process that it starts. */
export interface ShellLine {
  readonly text: string
  /** The program takes the shell's place. Else the shell waits for it, and what is meant for the program has to find it. */
  readonly replacesShell: boolean
}

/** With one of these as its first word the last part is no program that could take the shell's place. */
const NO_PROGRAM = new Set(
  ". : [ alias bg break case cd command continue do done elif else esac eval exec exit export fg fi for if readonly return set shift then times trap ulimit umask unset until wait while { } !".split(
    " "
  )
)
/** After one of these another program may not take the shell's place: it has something to do yet, or is within a loop. */
const STAYS = new Set("! case do elif else for if then trap until while {".split(" "))

const ASSIGNMENTS = /^\s*(?:[A-Za-z_]\w*=(?:[^\s'"\\]|'[^']*'|"(?:[^"\\]|\\[^])*"|\\[^])*\s+)*/

const firstWord = (part: string): string => /^\S*/.exec(part.replace(ASSIGNMENTS, ""))?.[0] ?? ""

/**
 * A user's command with `exec` where its program begins, so that a signal reaches the program and its exit status is its own:
 * behind assignments, and in the last of several parts (`cd x && A=1 program`). What it does not see through, pipes and loops,
 * stays as it is.
 */
export const shellLine = (command: string): ShellLine => {
  const asItIs = { text: command, replacesShell: false }
  const begins = partsOf(command)
  if (begins === null) return asItIs
  const at = begins.at(-1) ?? 0
  const [head, tail] = [command.slice(0, at), command.slice(at)]
  const word = firstWord(tail)
  const earlier = begins.slice(0, -1).map((begin) => firstWord(command.slice(begin)))
  if (word === "" || /^(?:#|[A-Za-z_]\w*=)/.test(word) || NO_PROGRAM.has(word)) return asItIs
  if (earlier.some((one) => STAYS.has(one))) return asItIs
  const before = ASSIGNMENTS.exec(tail)?.[0] ?? ""
  return { text: `${head}${before}exec ${tail.slice(before.length)}`, replacesShell: true }
}

/** Where the parts begin that `&&` and `;` separate; null where there is anything that makes more of it than such parts. */
const partsOf = (command: string): ReadonlyArray<number> | null => {
  const begins = [0]
  for (let at = 0; at < command.length; at += 1) {
    const rest = command.slice(at)
    // a quoted part, in which nothing is substituted by a command
    const [quoted] = /^(?:'[^']*'|"(?:[^"\\`$]|\$(?!\()|\\[^])*"|\\[^])/.exec(rest) ?? []
    if (quoted !== undefined) at += quoted.length - 1
    else if (rest.startsWith("#") && (at === 0 || /\s/.test(command[at - 1] ?? ""))) return begins
    else if (rest.startsWith("&&")) begins.push((at += 1) + 1)
    else if (rest.startsWith(";")) begins.push(at + 1)
    else if (rest.startsWith("&") && /[<>]/.test(command[at - 1] ?? "")) continue
    else if (/^(?:[&|()`'"\n]|<<)/.test(rest)) return null
  }
  return begins
}
