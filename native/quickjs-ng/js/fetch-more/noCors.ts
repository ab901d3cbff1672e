import { parseMimeType } from "./mime.ts"

/** What a request of mode `no-cors` may carry (Fetch standard, "no-CORS-safelisted request-header"). */

const NAMES = new Set(["accept", "accept-language", "content-language", "content-type"])
const SIMPLE_TYPES = new Set(["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
const UNSAFE = `"():<>?@[\\]{}\x7f`
const isUnsafe = (value: string): boolean => {
  for (const character of value) {
    if ((character < " " && character !== "\t") || UNSAFE.includes(character)) return true
  }
  return false
}
const LANGUAGE = /^[0-9A-Za-z *,\-.;=]*$/
const LONGEST = 128

/** Whether a caller can take it out: `range` is privileged, and belongs to the one who sends. */
export const mayDeleteNoCors = (name: string): boolean => NAMES.has(name) || name === "range"

export const isNoCorsSafelisted = (name: string, value: string): boolean => {
  if (!NAMES.has(name) || value.length > LONGEST) return false
  if (name === "accept") return !isUnsafe(value)
  if (name !== "content-type") return LANGUAGE.test(value)
  if (isUnsafe(value)) return false
  const type = parseMimeType(value)
  return type !== null && SIMPLE_TYPES.has(type.essence)
}
