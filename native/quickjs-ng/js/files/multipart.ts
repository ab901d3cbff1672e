import { native } from "bunbase:core"
import { joinBytes } from "../webidl/bytes.ts"
import { blobBytes, blobType } from "./Blob.ts"
import { fileName, makeFile } from "./File.ts"
import { addEntry, FormData, formEntries } from "./FormData.ts"

const LINE_END = /\r\n|\r|\n/g
const ESCAPED = /[\n\r"]/g
const ESCAPES: Readonly<Record<string, string>> = { "\n": "%0A", "\r": "%0D", '"': "%22" }
const escape = (text: string): string => text.replace(ESCAPED, (character) => ESCAPES[character] as string)
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/** 24 characters of 62: that a value holds it by chance is out of the question. */
const newBoundary = (): string => {
  const bytes = new Uint8Array(24)
  native.randomFill(bytes)
  let boundary = "----BunBaseFormBoundary"
  for (const byte of bytes) boundary += ALPHABET.charAt(byte % ALPHABET.length)
  return boundary
}

/** HTML standard, "multipart/form-data encoding algorithm", in UTF-8. */
export const serialiseMultipart = (
  form: FormData,
  boundary = newBoundary()
): { readonly bytes: Uint8Array; readonly type: string } => {
  const pieces: Array<Uint8Array> = []
  let size = 0
  let text = ""
  const add = (piece: Uint8Array): void => {
    pieces.push(piece)
    size += piece.length
  }
  for (const [name, value] of formEntries(form)) {
    const key = escape(name.replace(LINE_END, "\r\n"))
    text += `--${boundary}\r\nContent-Disposition: form-data; name="${key}"`
    if (typeof value === "string") text += `\r\n\r\n${value.replace(LINE_END, "\r\n")}\r\n`
    else {
      const type = blobType(value)
      text += `; filename="${escape(fileName(value))}"\r\nContent-Type: ${type === "" ? "application/octet-stream" : type}\r\n\r\n`
      add(native.utf8Encode(text))
      add(blobBytes(value))
      text = "\r\n"
    }
  }
  add(native.utf8Encode(`${text}--${boundary}--\r\n`))
  return { bytes: joinBytes(pieces, size), type: `multipart/form-data; boundary=${boundary}` }
}

const UNESCAPED: Readonly<Record<string, string>> = { "%0A": "\n", "%0D": "\r", "%22": '"' }
const unescape = (text: string): string =>
  text.replace(/%0A|%0D|%22/gi, (escaped) => UNESCAPED[escaped.toUpperCase()] as string)

interface PartHead {
  readonly name: string
  readonly filename: string | null
  readonly type: string | null
  /** Where the part's body begins. */
  readonly end: number
}

/**
 * A form of `multipart/form-data`. Throws a TypeError that says what is wrong. More is accepted than the encoding above makes:
 * line ends before the first boundary, white space after a boundary, text after the last, and no line end there.
 */
export const parseMultipart = (bytes: Uint8Array, boundary: string | undefined, what: string): FormData => {
  const malformed = (why: string): TypeError => new TypeError(`${what}: the multipart/form-data ${why}`)
  if (boundary === undefined || boundary === "" || boundary.length > 70) {
    throw malformed("has no boundary in its Content-Type")
  }
  // one character per byte: searching is the engine's own then
  const text = native.latin1Decode(bytes)
  const mark = `--${native.latin1Decode(native.utf8Encode(boundary))}`
  const form = new FormData()
  let at = 0
  while (text.startsWith("\r\n", at)) at += 2
  if (!text.startsWith(mark, at)) throw malformed("does not begin with its boundary")
  at += mark.length
  for (;;) {
    if (text.startsWith("--", at)) return form
    while (text.charAt(at) === " " || text.charAt(at) === "\t") at += 1
    if (!text.startsWith("\r\n", at)) throw malformed("ends before its last boundary")
    const head = partHead(text, at + 2, malformed)
    const end = text.indexOf(`\r\n${mark}`, head.end - 2)
    if (end < 0) throw malformed("has a part without an end")
    const content = bytes.subarray(head.end, Math.max(end, head.end))
    addEntry(form, [
      head.name,
      head.filename === null
        ? native.utf8Decode(content, false)
        : makeFile(content, head.type ?? "text/plain", head.filename)
    ])
    at = end + 2 + mark.length
  }
}

const HEADER = /^([!#$%&'*+\-.^_`|~\dA-Za-z]+):[ \t]*(.*?)[ \t]*$/
const DISPOSITION = /^form-data(?=[ \t]*(?:;|$))/i
const PARAMETER = /;[ \t]*([!#$&'*+\-.^_`|~\dA-Za-z]+)=(?:"([^"]*)"|([^\s";]+))[ \t]*/gy

const partHead = (text: string, start: number, malformed: (why: string) => TypeError): PartHead => {
  let at = start
  let name: string | null = null
  let filename: string | null = null
  let type: string | null = null
  for (;;) {
    const end = text.indexOf("\r\n", at)
    if (end < 0) throw malformed("has a part whose headers do not end")
    if (end === at) break
    const header = HEADER.exec(text.slice(at, end))
    if (header === null) throw malformed("has a part with a malformed header")
    const value = header[2] as string
    switch ((header[1] as string).toLowerCase()) {
      case "content-disposition": {
        const parameters = dispositionOf(value)
        if (parameters === null) throw malformed("has a part whose Content-Disposition is malformed")
        name = parameters.get("name") ?? name
        filename = parameters.get("filename") ?? filename
        break
      }
      case "content-type":
        type = /[^\x20-\x7e]/.test(value) ? "" : value.toLowerCase()
        break
      default:
    }
    at = end + 2
  }
  if (name === null) throw malformed("has a part without a name")
  return { name, filename, type, end: at + 2 }
}

/** Parameters of a `form-data` disposition; null where it is none. */
const dispositionOf = (value: string): Map<string, string> | null => {
  const kind = DISPOSITION.exec(value)
  if (kind === null) return null
  const parameters = new Map<string, string>()
  let rest = value.slice(kind[0].length)
  while (rest !== "") {
    PARAMETER.lastIndex = 0
    const found = PARAMETER.exec(rest)
    if (found === null) return null
    const key = (found[1] as string).toLowerCase()
    const raw = found[2] ?? (found[3] as string)
    if (!parameters.has(key)) parameters.set(key, unescape(utf8(raw)))
    rest = rest.slice(found[0].length)
  }
  return parameters
}

/** Characters that are bytes, as UTF-8. */
const utf8 = (text: string): string => {
  const bytes = native.latin1Encode(text)
  return bytes === null ? text : native.utf8Decode(bytes, false)
}
