import { bytesOfSource } from "../webidl/bytes.ts"
import { isObject } from "../webidl/isObject.ts"

const sourceOf = (value: unknown, what: string): Uint8Array => {
  const bytes = bytesOfSource(value)
  if (bytes === null) throw new TypeError(`${what} is not an ArrayBuffer or a view of one`)
  return bytes
}

/** Refuses what is no BufferSource: arguments are converted before an algorithm is normalised, and copied after. */
export const needBytes = (value: unknown, what: string): void => {
  sourceOf(value, what)
}

/** A copy of what a BufferSource holds: the caller may change it while the operation is under way. */
export const bytesOf = (value: unknown, what: string): Uint8Array => sourceOf(value, what).slice()

/** A member of a dictionary that may be left out. */
export const optionalBytes = (value: unknown, what: string): Uint8Array | undefined =>
  value === undefined ? undefined : bytesOf(value, what)

/** `[EnforceRange] unsigned long` and shorter ones. */
export const enforceRange = (value: unknown, max: number, what: string): number => {
  const number = Number(value)
  const whole = Math.trunc(number)
  if (!Number.isFinite(number) || whole < 0 || whole > max) throw new TypeError(`${what} is out of range`)
  return whole + 0
}

export const octet = (value: unknown, what: string): number => enforceRange(value, 255, what)
export const unsignedLong = (value: unknown, what: string): number => enforceRange(value, 4_294_967_295, what)

/** A dictionary member that must be there. */
export const required = (holder: Readonly<Record<string, unknown>>, name: string, what: string): unknown => {
  const value = holder[name]
  if (value === undefined) throw new TypeError(`${what} needs the member "${name}"`)
  return value
}

export const asRecord = (value: unknown, what: string): Readonly<Record<string, unknown>> => {
  if (!isObject(value)) throw new TypeError(`${what} is not an object`)
  return value as Readonly<Record<string, unknown>>
}
