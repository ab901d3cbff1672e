import { joinBytes } from "../webidl/bytes.ts"
import { dataError } from "./failure.ts"

/** As much of DER (X.690) as keys need: definite lengths, no indefinite forms, nothing left over. */
export const TAG = { integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, sequence: 0x30 } as const
/** Context-specific and constructed. */
export const context = (number: number): number => 0xa0 | number

const lengthBytes = (length: number): Array<number> => {
  if (length < 0x80) return [length]
  const digits: Array<number> = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256)
  return [0x80 | digits.length, ...digits]
}

/** One element with its contents. */
export const element = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  const head = Uint8Array.from([tag, ...lengthBytes(size)])
  return joinBytes([head, ...parts], head.length + size)
}

/** Reads elements one after the other; a DataError for anything that is no DER. */
export class DerReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The tag of the next element, or -1. */
  get next(): number {
    return this.#bytes[this.#at] ?? -1
  }

  /** The contents of the next element, which must have this tag. */
  read(tag: number): Uint8Array {
    if (this.#byte() !== tag) throw malformed()
    let length = this.#byte()
    if (length >= 0x80) {
      const digits = length & 0x7f
      if (digits === 0 || digits > 4) throw malformed()
      length = 0
      for (let i = 0; i < digits; i += 1) length = length * 256 + this.#byte()
      if (lengthBytes(length).length !== digits + 1) throw malformed()
    }
    const end = this.#at + length
    if (end > this.#bytes.length) throw malformed()
    const contents = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return contents
  }

  end(): void {
    if (!this.done) throw malformed()
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw malformed()
    this.#at += 1
    return byte
  }
}

const malformed = (): DOMException => dataError("the key is not well-formed DER")

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at])

/** SubjectPublicKeyInfo (RFC 5280): the bit string's bytes, when the algorithm identifier is this one. */
export const readSpki = (bytes: Uint8Array, algorithm: Uint8Array): Uint8Array => {
  const outer = new DerReader(bytes)
  const fields = new DerReader(outer.read(TAG.sequence))
  outer.end()
  if (!sameBytes(fields.read(TAG.sequence), algorithm)) throw dataError("the key is one of another algorithm")
  const bits = fields.read(TAG.bitString)
  fields.end()
  if (bits[0] !== 0) throw malformed()
  return bits.slice(1)
}

export const writeSpki = (algorithm: Uint8Array, key: Uint8Array): Uint8Array =>
  element(TAG.sequence, element(TAG.sequence, algorithm), element(TAG.bitString, Uint8Array.of(0), key))

/** PrivateKeyInfo (RFC 5958): the octet string's contents. */
export const readPkcs8 = (bytes: Uint8Array, algorithm: Uint8Array): Uint8Array => {
  const outer = new DerReader(bytes)
  const fields = new DerReader(outer.read(TAG.sequence))
  outer.end()
  const version = fields.read(TAG.integer)
  if (version.length !== 1 || (version[0] as number) > 1) throw malformed()
  if (!sameBytes(fields.read(TAG.sequence), algorithm)) throw dataError("the key is one of another algorithm")
  // attributes and a public key may follow
  return fields.read(TAG.octetString)
}

export const writePkcs8 = (algorithm: Uint8Array, key: Uint8Array): Uint8Array =>
  element(
    TAG.sequence,
    element(TAG.integer, Uint8Array.of(0)),
    element(TAG.sequence, algorithm),
    element(TAG.octetString, key)
  )
