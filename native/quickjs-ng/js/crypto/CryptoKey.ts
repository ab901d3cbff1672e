import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"

export const USAGES = [
  "encrypt",
  "decrypt",
  "sign",
  "verify",
  "deriveKey",
  "deriveBits",
  "wrapKey",
  "unwrapKey"
] as const
export type Usage = (typeof USAGES)[number]
export type KeyType = "secret" | "private" | "public"

export interface KeyAlgorithm {
  readonly name: string
  readonly [more: string]: unknown
}

export interface KeyState {
  readonly type: KeyType
  readonly extractable: boolean
  readonly algorithm: KeyAlgorithm
  readonly usages: ReadonlyArray<Usage>
  /** The secret, the private scalar or seed, or the public point. */
  readonly material: Uint8Array
  /** Of a private key: its public half. */
  readonly publicMaterial?: Uint8Array
}

const CONSTRUCT = Symbol("construct")
let stateOf: (key: CryptoKey) => KeyState
let isKey: (value: unknown) => value is CryptoKey

/** Web Cryptography API, 13. */
export class CryptoKey {
  readonly #state: KeyState
  readonly #algorithm: object
  readonly #usages: ReadonlyArray<Usage>

  static {
    stateOf = (key) => key.#state
    isKey = (value): value is CryptoKey => isObject(value) && #state in value
  }

  constructor(...args: ReadonlyArray<never>) {
    if ((args[0] as unknown) !== CONSTRUCT) throw new TypeError("Illegal constructor")
    const state = args[1] as unknown as KeyState
    this.#state = state
    // The same objects at every reading; what an author does to them changes nothing.
    this.#algorithm = structured(state.algorithm) as object
    this.#usages = [...state.usages]
  }

  get type(): KeyType {
    return this.#state.type
  }

  get extractable(): boolean {
    return this.#state.extractable
  }

  get algorithm(): object {
    return this.#algorithm
  }

  get usages(): ReadonlyArray<Usage> {
    return this.#usages
  }
}
describeInterface(CryptoKey, "CryptoKey", 0)

const structured = (value: unknown): unknown => {
  if (!isObject(value)) return value
  if (value instanceof Uint8Array) return value.slice()
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, structured(inner)]))
}

export const makeKey = (state: KeyState): CryptoKey => {
  const usages = USAGES.filter((one) => state.usages.includes(one))
  return new CryptoKey(CONSTRUCT as never, { ...state, usages } as never)
}

export const keyState = (key: CryptoKey): KeyState => stateOf(key)
export const isCryptoKey = (value: unknown): value is CryptoKey => isKey(value)
/** The same key as another object. */
export const copyKey = (value: object): object | null => (isKey(value) ? makeKey(stateOf(value)) : null)
