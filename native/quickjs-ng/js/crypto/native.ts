import { native } from "bunbase:core"

export type HashName = "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512"
export type CurveName = "P-256" | "P-384" | "P-521"
export const MODE = { gcm: 0, cbc: 1, ctr: 2 } as const

type Bytes = Uint8Array<ArrayBuffer>

export interface KeyBytes {
  /** The scalar, as long as the curve's field. */
  readonly privateKey?: Bytes
  /** The uncompressed point. */
  readonly publicKey: Bytes
}

/** What src/crypto.c and src/crypto_keys.c offer. All of it runs to its end at once. Failures throw an OperationError. */
export interface CryptoNative {
  digest(hash: HashName, data: Uint8Array): Bytes
  hmac(hash: HashName, key: Uint8Array, data: Uint8Array): Bytes
  equal(a: Uint8Array, b: Uint8Array): boolean
  pbkdf2(hash: HashName, password: Uint8Array, salt: Uint8Array, iterations: number, length: number): Bytes
  /** Null where the data is not what was encrypted. */
  aes(
    mode: number,
    encrypt: boolean,
    key: Uint8Array,
    iv: Uint8Array,
    data: Uint8Array,
    aad: Uint8Array,
    tagBytes: number
  ): Bytes | null
  ecGenerate(curve: CurveName): KeyBytes
  /** The whole key of its parts, checked; null where it is none. */
  ecKey(curve: CurveName, privateKey: Uint8Array | null, publicKey: Uint8Array | null): KeyBytes | null
  ecdsaSign(curve: CurveName, hash: HashName, privateKey: Uint8Array, data: Uint8Array): Bytes
  ecdsaVerify(
    curve: CurveName,
    hash: HashName,
    publicKey: Uint8Array,
    signature: Uint8Array,
    data: Uint8Array
  ): boolean
  ecdh(curve: CurveName, privateKey: Uint8Array, publicKey: Uint8Array): Bytes
  ed25519Public(seed: Uint8Array): Bytes
  ed25519Sign(seed: Uint8Array, data: Uint8Array): Bytes
  ed25519Verify(publicKey: Uint8Array, signature: Uint8Array, data: Uint8Array): boolean
}

let loaded: CryptoNative | null = null

/** Loads the system's library at the first call. */
export const lib = (): CryptoNative => (loaded ??= native.crypto() as CryptoNative)
