import { domString } from "../webidl/convert.ts"
import { isObject } from "../webidl/isObject.ts"
import type { Algorithm, Operation, Params } from "./Algorithm.ts"
import { required } from "./convert.ts"
import { notSupported } from "./failure.ts"
import type { HashName } from "./native.ts"

const registry = new Map<string, Algorithm>()

export const register = (algorithms: ReadonlyArray<Algorithm>): void => {
  for (const algorithm of algorithms) registry.set(algorithm.name.toUpperCase(), algorithm)
}

/** The algorithm of that name; it must have been normalised before. */
export const algorithmNamed = (name: string): Algorithm => {
  const found = registry.get(name.toUpperCase())
  if (found === undefined) throw notSupported(`there is no algorithm ${name} here`)
  return found
}

/** Web Cryptography API, 18.4: the algorithm that a caller means, and its members as this operation needs them. */
export const normalize = (
  operation: Operation,
  given: unknown
): { readonly algorithm: Algorithm; readonly params: Params } => {
  const members = isObject(given) ? (given as Readonly<Record<string, unknown>>) : { name: domString(given) }
  const name = domString(required(members, "name", "an algorithm"))
  const algorithm = registry.get(name.toUpperCase())
  if (algorithm === undefined || algorithm[operation] === undefined) {
    throw notSupported(`${operation} is not supported for ${name}`)
  }
  return { algorithm, params: { ...algorithm.params?.[operation]?.(members), name: algorithm.name } }
}

/** The member `hash` of an algorithm. */
export const hashMember = (given: unknown): { readonly name: HashName } => {
  const { params } = normalize("digest", given)
  return { name: params.name as HashName }
}
