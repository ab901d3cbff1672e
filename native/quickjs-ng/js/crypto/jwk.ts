import type { JsonWebKey } from "./Algorithm.ts"
import { fromBase64url } from "./base64url.ts"
import type { Usage } from "./CryptoKey.ts"
import { dataError } from "./failure.ts"

/** The members that every JSON Web Key has in common: RFC 7517, 4. */
export const checkJwk = (
  jwk: JsonWebKey,
  kty: string,
  use: "sig" | "enc",
  extractable: boolean,
  usages: ReadonlyArray<Usage>
): void => {
  if (jwk["kty"] !== kty) throw dataError(`the JSON Web Key's kty is not "${kty}"`)
  if (usages.length > 0 && jwk["use"] !== undefined && jwk["use"] !== use) {
    throw dataError(`the JSON Web Key's use is not "${use}"`)
  }
  const operations = jwk["key_ops"]
  if (operations !== undefined) {
    if (!Array.isArray(operations) || new Set(operations).size !== operations.length) {
      throw dataError("the JSON Web Key's key_ops is not a list without repetitions")
    }
    if (!usages.every((usage) => operations.includes(usage))) {
      throw dataError("the JSON Web Key's key_ops does not allow all of the usages")
    }
  }
  if (jwk["ext"] === false && extractable) throw dataError("the JSON Web Key is not extractable")
}

/** A member that holds bytes. */
export const jwkBytes = (jwk: JsonWebKey, name: string): Uint8Array => {
  const bytes = fromBase64url(jwk[name])
  if (bytes === null) throw dataError(`the JSON Web Key's member "${name}" is missing or not base64url`)
  return bytes
}
