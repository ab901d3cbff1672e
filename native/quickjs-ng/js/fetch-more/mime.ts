/** MIME types: parsing, serialising and extracting (MIME Sniffing and Fetch standards). */

export interface MimeType {
  /** `type/subtype`, in lower case. */
  readonly essence: string
  readonly parameters: Map<string, string>
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const QUOTED_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/
const EDGE = /^[\t\n\r ]+|[\t\n\r ]+$/g
const trim = (text: string): string => text.replace(EDGE, "")

/** Null where it is no MIME type. */
export const parseMimeType = (input: string): MimeType | null => {
  const text = trim(input)
  const slash = text.indexOf("/")
  if (slash < 0) return null
  let at = text.indexOf(";", slash)
  if (at < 0) at = text.length
  const type = text.slice(0, slash)
  const subtype = text.slice(slash + 1, at).replace(/[\t\n\r ]+$/, "")
  if (!TOKEN.test(type) || !TOKEN.test(subtype)) return null
  const parameters = new Map<string, string>()
  while (at < text.length) {
    at += 1
    while (at < text.length && "\t\n\r ".includes(text.charAt(at))) at += 1
    const from = at
    while (at < text.length && text.charAt(at) !== ";" && text.charAt(at) !== "=") at += 1
    const name = text.slice(from, at).toLowerCase()
    if (at >= text.length) break
    if (text.charAt(at) === ";") continue
    at += 1
    let value: string
    if (text.charAt(at) === '"') {
      const quoted = quotedString(text, at)
      value = quoted.value
      at = text.indexOf(";", quoted.end)
      if (at < 0) at = text.length
    } else {
      let end = text.indexOf(";", at)
      if (end < 0) end = text.length
      value = text.slice(at, end).replace(/[\t\n\r ]+$/, "")
      at = end
      if (value === "") continue
    }
    if (TOKEN.test(name) && QUOTED_TEXT.test(value) && !parameters.has(name)) parameters.set(name, value)
  }
  return { essence: `${type}/${subtype}`.toLowerCase(), parameters }
}

/** An HTTP quoted string that begins at `start`. */
const quotedString = (text: string, start: number): { readonly value: string; readonly end: number } => {
  let value = ""
  let at = start + 1
  while (at < text.length) {
    const character = text.charAt(at)
    at += 1
    if (character === '"') break
    if (character !== "\\") value += character
    else if (at < text.length) value += text.charAt(at++)
    else value += "\\"
  }
  return { value, end: at }
}

export const serialiseMimeType = ({ essence, parameters }: MimeType): string => {
  let text = essence
  for (const [name, value] of parameters) {
    text += `;${name}=${TOKEN.test(value) ? value : `"${value.replace(/(["\\])/g, "\\$1")}"`}`
  }
  return text
}

/** "Get, decode, and split": at commas outside of quotes. */
const splitValue = (value: string): Array<string> => {
  const parts: Array<string> = []
  let part = ""
  let at = 0
  while (at < value.length) {
    const character = value.charAt(at)
    if (character === '"') {
      const { end } = quotedString(value, at)
      part += value.slice(at, end)
      at = end
    } else {
      if (character === ",") {
        parts.push(trim(part))
        part = ""
      } else part += character
      at += 1
    }
  }
  parts.push(trim(part))
  return parts
}

/** "Extract a MIME type" of a combined `Content-Type`; null where there is none. */
export const extractMimeType = (combined: string | null): MimeType | null => {
  if (combined === null) return null
  let charset: string | null = null
  let found: MimeType | null = null
  for (const part of splitValue(combined)) {
    const type = parseMimeType(part)
    if (type === null || type.essence === "*/*") continue
    const own = type.parameters.get("charset")
    if (found === null || type.essence !== found.essence) charset = own ?? null
    else if (own === undefined && charset !== null) type.parameters.set("charset", charset)
    found = type
  }
  return found
}
