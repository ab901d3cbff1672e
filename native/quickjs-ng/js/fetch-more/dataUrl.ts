import { native } from "bunbase:core"
import { parseMimeType, serialiseMimeType } from "./mime.ts"

const DEFAULT_TYPE = "text/plain;charset=US-ASCII"
const BASE64 = /;[ ]*base64$/i
const EDGE_SPACE = /^[\t\n\f\r ]+|[\t\n\f\r ]+$/g

/** What a `data:` URL (serialized, without its fragment) holds; null where it is malformed. Fetch standard, 6. */
export const dataUrl = (
  url: string
): { readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> | Uint8Array } | null => {
  const comma = url.indexOf(",")
  if (comma < 0) return null
  let type = url.slice("data:".length, comma).replace(EDGE_SPACE, "")
  let bytes: Uint8Array = percentDecode(url.slice(comma + 1))
  if (BASE64.test(type)) {
    const decoded = forgivingBase64(native.latin1Decode(bytes))
    if (decoded === null) return null
    bytes = decoded
    type = type.replace(BASE64, "")
  }
  if (type.startsWith(";")) type = `text/plain${type}`
  const parsed = parseMimeType(type)
  return { type: parsed === null ? DEFAULT_TYPE : serialiseMimeType(parsed), bytes }
}

const percentDecode = (text: string): Uint8Array => {
  const source = native.utf8Encode(text)
  if (!text.includes("%")) return source
  const bytes = new Uint8Array(source.length)
  let size = 0
  for (let i = 0; i < source.length; i += 1) {
    const byte = source[i] as number
    const high = byte === 0x25 ? hex(source[i + 1]) : -1
    const low = high < 0 ? -1 : hex(source[i + 2])
    if (low < 0) bytes[size] = byte
    else {
      bytes[size] = high * 16 + low
      i += 2
    }
    size += 1
  }
  return bytes.slice(0, size)
}

const hex = (byte: number | undefined): number => {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1
}

/** "Forgiving-base64 decode" of the Infra standard. */
const forgivingBase64 = (given: string): Uint8Array | null => {
  let text = given.replace(/[\t\n\f\r ]+/g, "")
  if (text.length % 4 === 0) text = text.replace(/={1,2}$/, "")
  if (text.length % 4 === 1 || /[^A-Za-z\d+/]/.test(text)) return null
  const rest = text.length % 4
  // what hangs over the last byte does not count, and strict decoders want it to be zero
  const last = rest === 0 ? "" : zeroTail(text, rest)
  const whole = rest === 0 ? text : text.slice(0, -1) + last
  return native.base64Decode(whole + (rest === 2 ? "==" : rest === 3 ? "=" : ""))
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const zeroTail = (text: string, rest: number): string => {
  const value = ALPHABET.indexOf(text.charAt(text.length - 1))
  return ALPHABET.charAt(rest === 2 ? value & 0x30 : value & 0x3c)
}
