import { native } from "bunbase:core"
import { describeInterface } from "../webidl/describeInterface.ts"
import { enumeration, needArguments, sequence } from "../webidl/convert.ts"
import { isObject } from "../webidl/isObject.ts"
import { AES_CBC, AES_GCM } from "./aes.ts"
import type { Format, JsonWebKey, KeyData, KeyPair, Operation } from "./Algorithm.ts"
import { asRecord, bytesOf, needBytes, unsignedLong } from "./convert.ts"
import { type CryptoKey, isCryptoKey, keyState, type KeyState, USAGES, type Usage } from "./CryptoKey.ts"
import { HKDF, PBKDF2 } from "./derive.ts"
import { ECDH, ECDSA } from "./ec.ts"
import { ED25519 } from "./ed25519.ts"
import { dataError, invalidAccess, notSupported } from "./failure.ts"
import { HASHES } from "./hashes.ts"
import { HMAC } from "./hmac.ts"
import { algorithmNamed, normalize, register } from "./normalize.ts"

register([...HASHES, HMAC, AES_GCM, AES_CBC, HKDF, PBKDF2, ECDSA, ECDH, ED25519])

const FORMATS = ["raw", "pkcs8", "spki", "jwk"] as const
const CONSTRUCT = Symbol("construct")
const { buffer: bufferOf } = Object.getOwnPropertyDescriptors(
  Object.getPrototypeOf(Uint8Array.prototype) as object
) as unknown as { readonly buffer: { readonly get: () => ArrayBuffer } }

const toBuffer = (bytes: Uint8Array): ArrayBuffer =>
  bytes.byteLength === bytes.buffer.byteLength
    ? (bufferOf.get.call(bytes) as ArrayBuffer)
    : (bytes.slice().buffer as ArrayBuffer)

const keyOf = (value: unknown, what: string): KeyState => {
  if (!isCryptoKey(value)) throw new TypeError(`${what}: the key is not a CryptoKey`)
  return keyState(value)
}

const usagesOf = (value: unknown): ReadonlyArray<Usage> => {
  if (!isObject(value)) throw new TypeError("the usages are not a list")
  const method = (value as { readonly [Symbol.iterator]?: () => unknown })[Symbol.iterator]
  if (typeof method !== "function") throw new TypeError("the usages are not a list")
  return sequence(value, method, (one) => enumeration(one, USAGES, "a usage"), "usages")
}

const needUse = (key: KeyState, algorithm: string, usage: Usage): void => {
  if (key.algorithm.name !== algorithm) throw invalidAccess(`the key is one for ${key.algorithm.name}`)
  if (!key.usages.includes(usage)) throw invalidAccess(`the key is not meant to ${usage}`)
}

const wrapping = (usage: "wrapKey" | "unwrapKey"): Operation => (usage === "wrapKey" ? "encrypt" : "decrypt")

const keyDataOf = (format: Format, data: unknown): KeyData => {
  if (format === "jwk") {
    if (!isObject(data) || ArrayBuffer.isView(data) || data instanceof ArrayBuffer) {
      throw new TypeError("with the format jwk the key is an object")
    }
    return { ...(data as JsonWebKey) }
  }
  return bytesOf(data, "the key")
}

const importNow = (
  format: Format,
  data: KeyData,
  given: unknown,
  extractable: boolean,
  usages: ReadonlyArray<Usage>
): CryptoKey => {
  const { algorithm, params } = normalize("importKey", given)
  const make = algorithm.importKey as NonNullable<typeof algorithm.importKey>
  return make(format, data, params, extractable, usages)
}

const exportNow = (format: Format, key: KeyState): KeyData => {
  const { exportKey } = algorithmNamed(key.algorithm.name)
  if (exportKey === undefined) throw notSupported(`${key.algorithm.name} keys cannot be exported`)
  if (!key.extractable) throw invalidAccess("the key is not extractable")
  return exportKey(format, key)
}

const deriveNow = (given: unknown, key: KeyState, bits: number | null, usage: Usage): Uint8Array => {
  const { algorithm, params } = normalize("deriveBits", given)
  needUse(key, algorithm.name, usage)
  return (algorithm.deriveBits as NonNullable<typeof algorithm.deriveBits>)(params, key, bits)
}

const crypt = (
  operation: "encrypt" | "decrypt",
  usage: Usage,
  given: unknown,
  key: KeyState,
  data: unknown
): Uint8Array => {
  needBytes(data, "the data")
  const { algorithm, params } = normalize(operation, given)
  const bytes = bytesOf(data, "the data")
  needUse(key, algorithm.name, usage)
  return (algorithm[operation] as NonNullable<typeof algorithm.encrypt>)(params, key, bytes)
}

let check: (value: unknown) => void

/**
 * Web Cryptography API, 14. The work is done at once, in the call; only the answer comes later. Arguments that cannot be
 * converted reject, as with every operation that returns a promise.
 */
export class SubtleCrypto {
  readonly #brand = true

  static {
    check = (value) => {
      if (!isObject(value) || !(#brand in value)) throw new TypeError("Illegal invocation")
    }
  }

  constructor(...args: ReadonlyArray<never>) {
    if ((args[0] as unknown) !== CONSTRUCT) throw new TypeError("Illegal constructor")
    void this.#brand
  }

  async encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    check(this)
    needArguments(arguments.length, 3, "encrypt")
    const state = keyOf(key, "encrypt")
    return toBuffer(crypt("encrypt", "encrypt", algorithm, state, data))
  }

  async decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    check(this)
    needArguments(arguments.length, 3, "decrypt")
    const state = keyOf(key, "decrypt")
    return toBuffer(crypt("decrypt", "decrypt", algorithm, state, data))
  }

  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    check(this)
    needArguments(arguments.length, 3, "sign")
    const state = keyOf(key, "sign")
    needBytes(data, "the data")
    const normalized = normalize("sign", algorithm)
    const bytes = bytesOf(data, "the data")
    needUse(state, normalized.algorithm.name, "sign")
    const make = normalized.algorithm.sign as NonNullable<typeof normalized.algorithm.sign>
    return toBuffer(make(normalized.params, state, bytes))
  }

  async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
    check(this)
    needArguments(arguments.length, 4, "verify")
    const state = keyOf(key, "verify")
    needBytes(signature, "the signature")
    needBytes(data, "the data")
    const normalized = normalize("verify", algorithm)
    const given = bytesOf(signature, "the signature")
    const bytes = bytesOf(data, "the data")
    needUse(state, normalized.algorithm.name, "verify")
    const make = normalized.algorithm.verify as NonNullable<typeof normalized.algorithm.verify>
    return make(normalized.params, state, given, bytes)
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    check(this)
    needArguments(arguments.length, 2, "digest")
    needBytes(data, "the data")
    const { algorithm: found } = normalize("digest", algorithm)
    const bytes = bytesOf(data, "the data")
    return toBuffer((found.digest as NonNullable<typeof found.digest>)(bytes))
  }

  async generateKey(
    algorithm: unknown,
    extractable: unknown,
    keyUsages: unknown
  ): Promise<CryptoKey | KeyPair> {
    check(this)
    needArguments(arguments.length, 3, "generateKey")
    const usages = usagesOf(keyUsages)
    const { algorithm: found, params } = normalize("generateKey", algorithm)
    const make = found.generateKey as NonNullable<typeof found.generateKey>
    return make(params, Boolean(extractable), usages)
  }

  async deriveKey(
    algorithm: unknown,
    baseKey: unknown,
    derivedKeyType: unknown,
    extractable: unknown,
    keyUsages: unknown
  ): Promise<CryptoKey> {
    check(this)
    needArguments(arguments.length, 5, "deriveKey")
    const state = keyOf(baseKey, "deriveKey")
    const usages = usagesOf(keyUsages)
    const target = normalize("keyLength", derivedKeyType)
    const length = target.algorithm.keyLength as NonNullable<typeof target.algorithm.keyLength>
    const secret = deriveNow(algorithm, state, length(target.params), "deriveKey")
    return importNow("raw", secret, derivedKeyType, Boolean(extractable), usages)
  }

  async deriveBits(algorithm: unknown, baseKey: unknown, length: unknown = null): Promise<ArrayBuffer> {
    check(this)
    needArguments(arguments.length, 2, "deriveBits")
    const state = keyOf(baseKey, "deriveBits")
    const bits = length === null ? null : unsignedLong(length, "the length")
    return toBuffer(deriveNow(algorithm, state, bits, "deriveBits"))
  }

  async importKey(
    format: unknown,
    keyData: unknown,
    algorithm: unknown,
    extractable: unknown,
    keyUsages: unknown
  ): Promise<CryptoKey> {
    check(this)
    needArguments(arguments.length, 5, "importKey")
    const kind = enumeration(format, FORMATS, "the format")
    const data = keyDataOf(kind, keyData)
    return importNow(kind, data, algorithm, Boolean(extractable), usagesOf(keyUsages))
  }

  async exportKey(format: unknown, key: unknown): Promise<ArrayBuffer | JsonWebKey> {
    check(this)
    needArguments(arguments.length, 2, "exportKey")
    const data = exportNow(enumeration(format, FORMATS, "the format"), keyOf(key, "exportKey"))
    return data instanceof Uint8Array ? toBuffer(data) : data
  }

  async wrapKey(
    format: unknown,
    key: unknown,
    wrappingKey: unknown,
    algorithm: unknown
  ): Promise<ArrayBuffer> {
    check(this)
    needArguments(arguments.length, 4, "wrapKey")
    const kind = enumeration(format, FORMATS, "the format")
    const inner = keyOf(key, "wrapKey")
    const outer = keyOf(wrappingKey, "wrapKey")
    const normalized = normalize(wrapping("wrapKey"), algorithm)
    needUse(outer, normalized.algorithm.name, "wrapKey")
    const data = exportNow(kind, inner)
    const bytes = data instanceof Uint8Array ? data : native.utf8Encode(JSON.stringify(data))
    return toBuffer(crypt("encrypt", "wrapKey", algorithm, outer, bytes))
  }

  async unwrapKey(
    format: unknown,
    wrappedKey: unknown,
    unwrappingKey: unknown,
    unwrapAlgorithm: unknown,
    unwrappedKeyAlgorithm: unknown,
    extractable: unknown,
    keyUsages: unknown
  ): Promise<CryptoKey> {
    check(this)
    needArguments(arguments.length, 7, "unwrapKey")
    const kind = enumeration(format, FORMATS, "the format")
    const wrapped = bytesOf(wrappedKey, "the wrapped key")
    const outer = keyOf(unwrappingKey, "unwrapKey")
    const usages = usagesOf(keyUsages)
    const bytes = crypt("decrypt", "unwrapKey", unwrapAlgorithm, outer, wrapped)
    const data = kind === "jwk" ? parseJwk(bytes) : bytes
    return importNow(kind, data, unwrappedKeyAlgorithm, Boolean(extractable), usages)
  }
}
describeInterface(SubtleCrypto, "SubtleCrypto", 0)

const parseJwk = (bytes: Uint8Array): JsonWebKey => {
  try {
    return asRecord(JSON.parse(native.utf8Decode(bytes, true)), "the wrapped key")
  } catch {
    throw dataError("the wrapped key is not a JSON Web Key")
  }
}

export const subtle = new SubtleCrypto(CONSTRUCT as never)
