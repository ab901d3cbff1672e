import type { Format, JsonWebKey, KeyData } from "./Algorithm.ts"
import { toBase64url } from "./base64url.ts"
import type { KeyState, Usage } from "./CryptoKey.ts"
import { dataError, notSupported, syntaxError } from "./failure.ts"
import { checkJwk, jwkBytes } from "./jwk.ts"

/** Only these usages are allowed, and a secret or private key needs at least one. */
export const checkUsages = (
  usages: ReadonlyArray<Usage>,
  allowed: ReadonlyArray<Usage>,
  needed: boolean
): void => {
  if (!usages.every((usage) => allowed.includes(usage))) {
    throw syntaxError(`this kind of key can be used for ${allowed.join(", ") || "nothing"} only`)
  }
  if (needed && usages.length === 0) throw syntaxError("the key has no usage")
}

/** The bytes of a symmetric key that is imported. `alg` is what a JSON Web Key must say, if it says so. */
export const importSecret = (
  format: Format,
  data: KeyData,
  use: "sig" | "enc",
  extractable: boolean,
  usages: ReadonlyArray<Usage>,
  alg: (bytes: number) => string
): Uint8Array => {
  if (format === "raw") return data as Uint8Array
  if (format !== "jwk") throw notSupported(`a secret key has no format ${format}`)
  const jwk = data as JsonWebKey
  if (jwk["kty"] !== "oct") throw dataError('the JSON Web Key\'s kty is not "oct"')
  const bytes = jwkBytes(jwk, "k")
  const named = alg(bytes.length)
  if (jwk["alg"] !== undefined && jwk["alg"] !== named) {
    throw dataError(`the JSON Web Key's alg is not "${named}"`)
  }
  checkJwk(jwk, "oct", use, extractable, usages)
  return bytes
}

export const exportSecret = (format: Format, key: KeyState, alg: string): KeyData => {
  if (format === "raw") return key.material.slice()
  if (format !== "jwk") throw notSupported(`a secret key has no format ${format}`)
  return { kty: "oct", k: toBase64url(key.material), alg, key_ops: [...key.usages], ext: key.extractable }
}
