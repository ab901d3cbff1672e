import { native } from "bunbase:core"
import type { Algorithm, JsonWebKey } from "./Algorithm.ts"
import { toBase64url } from "./base64url.ts"
import { type CryptoKey, makeKey, type Usage } from "./CryptoKey.ts"
import { DerReader, element, readPkcs8, readSpki, sameBytes, TAG, writePkcs8, writeSpki } from "./der.ts"
import { dataError, invalidAccess } from "./failure.ts"
import { checkJwk, jwkBytes } from "./jwk.ts"
import { lib } from "./native.ts"
import { checkUsages } from "./secretKey.ts"

const ALGORITHM = { name: "Ed25519" }
/** 1.3.101.112 */
const IDENTIFIER = element(TAG.oid, Uint8Array.of(0x2b, 0x65, 0x70))
const SIZE = 32

const privateKey = (seed: Uint8Array, extractable: boolean, usages: ReadonlyArray<Usage>): CryptoKey =>
  makeKey({
    type: "private",
    extractable,
    algorithm: ALGORITHM,
    usages,
    material: seed,
    publicMaterial: lib().ed25519Public(seed)
  })

const publicKey = (bytes: Uint8Array, extractable: boolean, usages: ReadonlyArray<Usage>): CryptoKey =>
  makeKey({ type: "public", extractable, algorithm: ALGORITHM, usages, material: bytes })

const checked = (bytes: Uint8Array): Uint8Array => {
  if (bytes.length !== SIZE) throw dataError("an Ed25519 key has 32 bytes")
  return bytes.slice()
}

const importJwk = (jwk: JsonWebKey, extractable: boolean, usages: ReadonlyArray<Usage>): CryptoKey => {
  checkJwk(jwk, "OKP", "sig", extractable, usages)
  if (jwk["crv"] !== "Ed25519") throw dataError('the JSON Web Key\'s crv is not "Ed25519"')
  const alg = jwk["alg"]
  if (alg !== undefined && alg !== "Ed25519" && alg !== "EdDSA") {
    throw dataError('the JSON Web Key\'s alg is not "Ed25519"')
  }
  const x = checked(jwkBytes(jwk, "x"))
  if (jwk["d"] === undefined) return publicKey(x, extractable, usages)
  const seed = checked(jwkBytes(jwk, "d"))
  if (!sameBytes(lib().ed25519Public(seed), x)) throw dataError("the private and the public key are no pair")
  return privateKey(seed, extractable, usages)
}

/** RFC 8032, as the Web Cryptography API has it. */
export const ED25519: Algorithm = {
  name: "Ed25519",
  generateKey: (_params, extractable, usages) => {
    checkUsages(usages, ["sign", "verify"], false)
    const own = usages.filter((usage) => usage === "sign")
    checkUsages(own, ["sign"], true)
    const seed = new Uint8Array(SIZE)
    native.randomFill(seed)
    return {
      privateKey: privateKey(seed, extractable, own),
      publicKey: publicKey(
        lib().ed25519Public(seed),
        true,
        usages.filter((usage) => usage === "verify")
      )
    }
  },
  importKey: (format, data, _params, extractable, usages) => {
    const isPrivate = format === "pkcs8" || (format === "jwk" && (data as JsonWebKey)["d"] !== undefined)
    checkUsages(usages, isPrivate ? ["sign"] : ["verify"], isPrivate)
    switch (format) {
      case "raw":
        return publicKey(checked(data as Uint8Array), extractable, usages)
      case "spki":
        return publicKey(checked(readSpki(data as Uint8Array, IDENTIFIER)), extractable, usages)
      case "jwk":
        return importJwk(data as JsonWebKey, extractable, usages)
      case "pkcs8": {
        const inner = new DerReader(readPkcs8(data as Uint8Array, IDENTIFIER))
        const seed = checked(inner.read(TAG.octetString))
        inner.end()
        return privateKey(seed, extractable, usages)
      }
    }
  },
  exportKey: (format, key) => {
    const point = key.publicMaterial ?? key.material
    if (format === "jwk") {
      const jwk: Record<string, unknown> = {
        kty: "OKP",
        crv: "Ed25519",
        alg: "Ed25519",
        x: toBase64url(point),
        key_ops: [...key.usages],
        ext: key.extractable
      }
      if (key.type === "private") jwk["d"] = toBase64url(key.material)
      return jwk
    }
    if ((format === "pkcs8") !== (key.type === "private")) {
      throw invalidAccess(`a ${key.type} key has no format ${format}`)
    }
    if (format === "raw") return point.slice()
    if (format === "spki") return writeSpki(IDENTIFIER, point)
    return writePkcs8(IDENTIFIER, element(TAG.octetString, key.material))
  },
  sign: (_params, key, data) => {
    if (key.type !== "private") throw invalidAccess("the key is not the private one")
    return lib().ed25519Sign(key.material, data)
  },
  verify: (_params, key, signature, data) => {
    if (key.type !== "public") throw invalidAccess("the key is not the public one")
    return lib().ed25519Verify(key.material, signature, data)
  }
}
