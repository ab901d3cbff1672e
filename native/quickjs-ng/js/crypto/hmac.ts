import { native } from "bunbase:core"
import type { Algorithm, Params } from "./Algorithm.ts"
import { required, unsignedLong } from "./convert.ts"
import { type KeyState, makeKey } from "./CryptoKey.ts"
import { dataError, operationError } from "./failure.ts"
import { blockBytes } from "./hashes.ts"
import { hashMember } from "./normalize.ts"
import { type HashName, lib } from "./native.ts"
import { checkUsages, exportSecret, importSecret } from "./secretKey.ts"

const USAGES = ["sign", "verify"] as const

const params = (given: Readonly<Record<string, unknown>>): object => ({
  hash: hashMember(required(given, "hash", "HMAC")),
  ...(given["length"] === undefined ? {} : { length: unsignedLong(given["length"], "HMAC's length") })
})

const hashOf = (params: Params): HashName => (params["hash"] as { readonly name: HashName }).name
const keyHash = (key: KeyState): HashName => hashOf(key.algorithm)

const lengthOf = (params: Params): number => {
  const { length } = params as { readonly length?: number }
  if (length === undefined) return blockBytes(hashOf(params)) * 8
  if (length === 0) throw operationError("an HMAC key of no bits")
  return length
}

export const HMAC: Algorithm = {
  name: "HMAC",
  params: { generateKey: params, importKey: params, keyLength: params },
  generateKey: (params, extractable, usages) => {
    checkUsages(usages, USAGES, true)
    const length = lengthOf(params)
    const material = new Uint8Array(Math.ceil(length / 8))
    native.randomFill(material)
    const algorithm = { name: "HMAC", hash: { name: hashOf(params) }, length }
    return makeKey({ type: "secret", extractable, algorithm, usages, material })
  },
  importKey: (format, data, params, extractable, usages) => {
    checkUsages(usages, USAGES, true)
    const hash = hashOf(params)
    const material = importSecret(format, data, "sig", extractable, usages, () => jwkName(hash))
    const bits = material.length * 8
    if (bits === 0) throw dataError("an HMAC key of no bits")
    const { length = bits } = params as { readonly length?: number }
    if (length > bits || length <= bits - 8) throw dataError("the length is not that of the key")
    return makeKey({
      type: "secret",
      extractable,
      algorithm: { name: "HMAC", hash: { name: hash }, length },
      usages,
      material
    })
  },
  exportKey: (format, key) => exportSecret(format, key, jwkName(keyHash(key))),
  sign: (_params, key, data) => lib().hmac(keyHash(key), key.material, data),
  verify: (_params, key, signature, data) =>
    lib().equal(lib().hmac(keyHash(key), key.material, data), signature),
  keyLength: lengthOf
}

const jwkName = (hash: HashName): string => `HS${hash.slice(4)}`
