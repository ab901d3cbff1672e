import { native } from "bunbase:core"
import type { Algorithm, Params } from "./Algorithm.ts"
import { bytesOf, enforceRange, octet, optionalBytes, required } from "./convert.ts"
import { type KeyState, makeKey, type Usage } from "./CryptoKey.ts"
import { dataError, operationError } from "./failure.ts"
import { lib, MODE } from "./native.ts"
import { checkUsages, exportSecret, importSecret } from "./secretKey.ts"

const USAGES: ReadonlyArray<Usage> = ["encrypt", "decrypt", "wrapKey", "unwrapKey"]
const NONE = new Uint8Array(0)

const lengthParams = (given: Readonly<Record<string, unknown>>): object => ({
  length: enforceRange(required(given, "length", "AES"), 65_535, "AES' length")
})

const checkedLength = ({ length }: Params): number => {
  if (length !== 128 && length !== 192 && length !== 256) {
    throw operationError("an AES key has 128, 192 or 256 bits")
  }
  return length
}

/** What all modes have in common. */
const aes = (
  mode: string,
  run: Pick<Algorithm, "encrypt" | "decrypt">,
  params: Algorithm["params"]
): Algorithm => {
  const name = `AES-${mode}`
  const jwkName = (bytes: number): string => `A${bytes * 8}${mode}`
  return {
    name,
    params: { generateKey: lengthParams, keyLength: lengthParams, ...params },
    generateKey: (given, extractable, usages) => {
      checkUsages(usages, USAGES, true)
      const length = checkedLength(given)
      const material = new Uint8Array(length / 8)
      native.randomFill(material)
      return makeKey({ type: "secret", extractable, algorithm: { name, length }, usages, material })
    },
    importKey: (format, data, _params, extractable, usages) => {
      checkUsages(usages, USAGES, true)
      const material = importSecret(format, data, "enc", extractable, usages, jwkName)
      const length = material.length * 8
      if (length !== 128 && length !== 192 && length !== 256) {
        throw dataError("an AES key has 128, 192 or 256 bits")
      }
      return makeKey({ type: "secret", extractable, algorithm: { name, length }, usages, material })
    },
    exportKey: (format, key) => exportSecret(format, key, jwkName(key.material.length)),
    keyLength: checkedLength,
    ...run
  }
}

const gcmParams = (given: Readonly<Record<string, unknown>>): object => ({
  iv: bytesOf(required(given, "iv", "AES-GCM"), "AES-GCM's iv"),
  additionalData: optionalBytes(given["additionalData"], "AES-GCM's additionalData") ?? NONE,
  tagLength: given["tagLength"] === undefined ? 128 : octet(given["tagLength"], "AES-GCM's tagLength")
})

const gcm =
  (encrypt: boolean) =>
  (params: Params, key: KeyState, data: Uint8Array): Uint8Array => {
    const { iv, additionalData, tagLength } = params as unknown as {
      readonly iv: Uint8Array
      readonly additionalData: Uint8Array
      readonly tagLength: number
    }
    if (![32, 64, 96, 104, 112, 120, 128].includes(tagLength)) {
      throw operationError("AES-GCM's tag has 32, 64, 96, 104, 112, 120 or 128 bits")
    }
    if (!encrypt && data.length < tagLength / 8) throw operationError("the data is shorter than its tag")
    const result = lib().aes(MODE.gcm, encrypt, key.material, iv, data, additionalData, tagLength / 8)
    if (result === null) throw operationError("the data could not be authenticated")
    return result
  }

const cbcParams = (given: Readonly<Record<string, unknown>>): object => ({
  iv: bytesOf(required(given, "iv", "AES-CBC"), "AES-CBC's iv")
})

const cbc =
  (encrypt: boolean) =>
  (params: Params, key: KeyState, data: Uint8Array): Uint8Array => {
    const iv = params["iv"] as Uint8Array
    if (iv.length !== 16) throw operationError("AES-CBC's iv has 16 bytes")
    const result = lib().aes(MODE.cbc, encrypt, key.material, iv, data, NONE, 0)
    if (result === null) throw operationError("the data could not be decrypted")
    return result
  }

export const AES_GCM = aes(
  "GCM",
  { encrypt: gcm(true), decrypt: gcm(false) },
  { encrypt: gcmParams, decrypt: gcmParams }
)
export const AES_CBC = aes(
  "CBC",
  { encrypt: cbc(true), decrypt: cbc(false) },
  { encrypt: cbcParams, decrypt: cbcParams }
)
