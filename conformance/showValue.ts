const LONGEST = 4_000

/** A value for people: text as it is, everything else as JSON with bytes in hexadecimal, at most 4,000 characters of it. */
export const showValue = (value: unknown): string => {
  const text = typeof value === "string" ? value : jsonOf(value)
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}… [${text.length} characters]`
}

const jsonOf = (value: unknown): string => {
  try {
    return JSON.stringify(value, replacer, 2) ?? String(value)
  } catch {
    return String(value) // a value that contains itself
  }
}

const replacer = (_key: string, value: unknown): unknown => {
  if (value instanceof Uint8Array) return `bytes ${value.toHex()}`
  if (typeof value === "bigint") return `${value}n`
  if (value instanceof RegExp) return String(value)
  if (value instanceof Map) return Object.fromEntries(value)
  return value
}
