import { asString, cut, indexIn, stringify } from "./Intrinsics.ts"
import { show } from "./Thrown.ts"

/**
 * The arguments of a console call as one text, the way Bun's console prints them without colours: strings as they are, the
 * rest inspected, `%`-directives in a first string filled in. Never throws.
 */
export const formatLog = (args: ReadonlyArray<unknown>): string => {
  const count = args.length
  const first = args[0]
  if (count === 1) return typeof first === "string" ? first : show(first)
  let text = ""
  let next = 0
  if (typeof first === "string" && first.includes("%")) {
    const filled = fill(first, args)
    text = filled.text
    next = filled.next
  }
  for (let i = next; i < count; i += 1) {
    const arg = args[i]
    if (i > 0) text += " "
    text += typeof arg === "string" ? arg : show(arg)
  }
  return text
}

/** The format with its directives filled, and the index of the first argument that it left over. */
const fill = (
  format: string,
  args: ReadonlyArray<unknown>
): { readonly text: string; readonly next: number } => {
  let text = ""
  let next = 1
  let from = 0
  for (let at = indexIn(format, "%"); at !== -1 && at + 1 < format.length; at = indexIn(format, "%", at)) {
    const directive = format[at + 1] as string
    const filled = directive === "%" ? "%" : next < args.length ? convert(directive, args[next]) : undefined
    if (filled === undefined) {
      at += 1
      continue
    }
    if (directive !== "%") next += 1
    text += cut(format, from, at) + filled
    at += 2
    from = at
  }
  return { text: text + cut(format, from), next }
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
      return show(arg)
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
    return typeof value === "symbol" || typeof value === "bigint" ? "NaN" : show(value)
  }
}
