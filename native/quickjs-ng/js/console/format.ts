import { showError } from "bunbase:core"
import { inspect } from "./inspect.ts"

const asString = String
const stringify = JSON.stringify

/**
 * The arguments of a console call as one text: strings as they are, the rest inspected, `%`-directives in a first string
 * filled in. Never throws. The same texts as on Bun.
 */
export const format = (args: ReadonlyArray<unknown>): string => {
  const first = args[0]
  let text = ""
  let next = 0
  if (args.length > 1 && typeof first === "string" && first.includes("%")) {
    const filled = fill(first, args)
    text = filled.text
    next = filled.next
  }
  for (let i = next; i < args.length; i += 1) {
    const arg = args[i]
    if (i > 0) text += " "
    text += typeof arg === "string" ? arg : (showError(arg) ?? inspect(arg))
  }
  return text
}

/** The format with its directives filled, and the index of the first argument that it left over. */
const fill = (
  template: string,
  args: ReadonlyArray<unknown>
): { readonly text: string; readonly next: number } => {
  let text = ""
  let next = 1
  let from = 0
  for (
    let at = template.indexOf("%");
    at !== -1 && at + 1 < template.length;
    at = template.indexOf("%", at)
  ) {
    const directive = template.charAt(at + 1)
    const filled = directive === "%" ? "%" : next < args.length ? convert(directive, args[next]) : undefined
    if (filled === undefined) {
      at += 1
      continue
    }
    if (directive !== "%") next += 1
    text += template.slice(from, at) + filled
    at += 2
    from = at
  }
  return { text: text + template.slice(from), next }
}

const convert = (directive: string, arg: unknown): string | undefined => {
  switch (directive) {
    case "s":
      return guarded(arg, asString)
    case "d":
      return guarded(arg, (value) => (typeof value === "bigint" ? `${value}n` : asString(Number(value))))
    case "i":
      return guarded(arg, (value) =>
        typeof value === "bigint" ? `${value}n` : asString(Math.trunc(Number.parseFloat(asString(value))))
      )
    case "f":
      return guarded(arg, (value) => asString(Number.parseFloat(asString(value))))
    case "j":
      return guarded(arg, (value) => stringify(value) ?? "undefined")
    case "o":
    case "O":
      return inspect(arg)
    case "c":
      return ""
    default:
      return undefined
  }
}

const guarded = (value: unknown, how: (value: unknown) => string): string => {
  try {
    return how(value)
  } catch {
    return typeof value === "symbol" || typeof value === "bigint" ? "NaN" : inspect(value)
  }
}
