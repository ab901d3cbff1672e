import type { CryptoKey, KeyState, Usage } from "./CryptoKey.ts"

export type Format = "raw" | "pkcs8" | "spki" | "jwk"
export interface JsonWebKey {
  readonly [member: string]: unknown
}
/** Bytes, or with the format "jwk" the object. */
export type KeyData = Uint8Array | JsonWebKey

/** A normalised algorithm: its canonical name, and the members that the caller gave. */
export interface Params {
  readonly name: string
  readonly [member: string]: unknown
}

export interface KeyPair {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

/** What an algorithm can do; an operation that is missing is not supported. All are synchronous and throw. */
export interface Algorithm {
  readonly name: string
  /** Reads and checks the members that an operation needs, in the order of the standard. */
  readonly params?: Partial<Record<Operation, (given: Readonly<Record<string, unknown>>) => object>>
  readonly generateKey?: (
    params: Params,
    extractable: boolean,
    usages: ReadonlyArray<Usage>
  ) => CryptoKey | KeyPair
  readonly importKey?: (
    format: Format,
    data: KeyData,
    params: Params,
    extractable: boolean,
    usages: ReadonlyArray<Usage>
  ) => CryptoKey
  readonly exportKey?: (format: Format, key: KeyState) => KeyData
  readonly digest?: (data: Uint8Array) => Uint8Array
  readonly sign?: (params: Params, key: KeyState, data: Uint8Array) => Uint8Array
  readonly verify?: (params: Params, key: KeyState, signature: Uint8Array, data: Uint8Array) => boolean
  readonly encrypt?: (params: Params, key: KeyState, data: Uint8Array) => Uint8Array
  readonly decrypt?: (params: Params, key: KeyState, data: Uint8Array) => Uint8Array
  readonly deriveBits?: (params: Params, key: KeyState, bits: number | null) => Uint8Array
  /** Bits of a key that is derived; null: as many as there are. */
  readonly keyLength?: (params: Params) => number | null
}

export type Operation =
  | "generateKey"
  | "importKey"
  | "exportKey"
  | "digest"
  | "sign"
  | "verify"
  | "encrypt"
  | "decrypt"
  | "deriveBits"
  | "keyLength"
