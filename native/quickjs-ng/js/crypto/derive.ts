import { joinBytes } from "../webidl/bytes.ts"
import type { Algorithm, Format, KeyData, Params } from "./Algorithm.ts"
import { bytesOf, required, unsignedLong } from "./convert.ts"
import { type CryptoKey, type KeyState, makeKey, type Usage } from "./CryptoKey.ts"
import { notSupported, operationError, syntaxError } from "./failure.ts"
import { blockBytes, hashBytes } from "./hashes.ts"
import { hashMember } from "./normalize.ts"
import { type HashName, lib } from "./native.ts"
import { checkUsages } from "./secretKey.ts"

const USAGES: ReadonlyArray<Usage> = ["deriveKey", "deriveBits"]

const importBytes =
  (name: string) =>
  (
    format: Format,
    data: KeyData,
    _params: Params,
    extractable: boolean,
    usages: ReadonlyArray<Usage>
  ): CryptoKey => {
    if (format !== "raw") throw notSupported(`${name} keys have the format raw only`)
    checkUsages(usages, USAGES, true)
    if (extractable) throw syntaxError(`${name} keys cannot be extractable`)
    return makeKey({ type: "secret", extractable, algorithm: { name }, usages, material: data as Uint8Array })
  }

const wholeBytes = (bits: number | null): number => {
  if (bits === null || bits % 8 !== 0) throw operationError("the length is not a multiple of 8 bits")
  return bits / 8
}

interface HkdfParams {
  readonly hash: { readonly name: HashName }
  readonly salt: Uint8Array
  readonly info: Uint8Array
}

/** RFC 5869. */
const hkdf = (params: Params, key: KeyState, bits: number | null): Uint8Array => {
  const length = wholeBytes(bits)
  const { hash, salt, info } = params as unknown as HkdfParams
  const size = hashBytes(hash.name)
  if (length > 255 * size) throw operationError("HKDF gives at most 255 times the hash's length")
  const { hmac } = lib()
  const pseudorandom = hmac(hash.name, salt.length === 0 ? new Uint8Array(size) : salt, key.material)
  const out = new Uint8Array(Math.ceil(length / size) * size)
  let last: Uint8Array = new Uint8Array(0)
  for (let at = 0, count = 1; at < length; at += size, count += 1) {
    const input = joinBytes([last, info, Uint8Array.of(count)], last.length + info.length + 1)
    last = hmac(hash.name, pseudorandom, input)
    out.set(last, at)
  }
  return out.slice(0, length)
}

export const HKDF: Algorithm = {
  name: "HKDF",
  params: {
    deriveBits: (given) => ({
      hash: hashMember(required(given, "hash", "HKDF")),
      info: bytesOf(required(given, "info", "HKDF"), "HKDF's info"),
      salt: bytesOf(required(given, "salt", "HKDF"), "HKDF's salt")
    })
  },
  importKey: importBytes("HKDF"),
  deriveBits: hkdf,
  keyLength: () => null
}

/**
 * Nothing else runs meanwhile, and a deadline that passes ends it afterwards only: this many take a few seconds. A round is an
 * iteration for one piece of the result, of the hash's length; each piece takes the whole salt in as well.
 */
const MAX_ROUNDS = 10_000_000

interface Pbkdf2Params extends HkdfParams {
  readonly iterations: number
}

export const PBKDF2: Algorithm = {
  name: "PBKDF2",
  params: {
    deriveBits: (given) => ({
      hash: hashMember(required(given, "hash", "PBKDF2")),
      iterations: unsignedLong(required(given, "iterations", "PBKDF2"), "PBKDF2's iterations"),
      salt: bytesOf(required(given, "salt", "PBKDF2"), "PBKDF2's salt")
    })
  },
  importKey: importBytes("PBKDF2"),
  deriveBits: (params, key, bits) => {
    const length = wholeBytes(bits)
    const { hash, salt, iterations } = params as unknown as Pbkdf2Params
    if (iterations === 0) throw operationError("PBKDF2 needs at least one iteration")
    const pieces = Math.ceil(length / hashBytes(hash.name))
    const rounds = pieces * (iterations + Math.floor(salt.length / blockBytes(hash.name)))
    if (iterations > MAX_ROUNDS || rounds > MAX_ROUNDS) {
      const all = iterations > MAX_ROUNDS ? iterations : rounds
      throw operationError(
        `PBKDF2 makes at most ${MAX_ROUNDS} iterations at once, over all pieces of its result, not ${all}`
      )
    }
    if (length === 0) return new Uint8Array(0)
    return lib().pbkdf2(hash.name, key.material, salt, iterations, length)
  },
  keyLength: () => null
}
