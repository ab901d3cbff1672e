import { native } from "bunbase:core"

/** Without padding, as JSON Web Keys have it. */
export const toBase64url = (bytes: Uint8Array): string =>
  native.base64Encode(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")

/** Null for what is none. */
export const fromBase64url = (text: unknown): Uint8Array | null => {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text)) return null
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4)
  return native.base64Decode(padded)
}
