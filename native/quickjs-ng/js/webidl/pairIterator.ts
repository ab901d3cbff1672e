import { illegalInvocation } from "./convert.ts"

type Kind = "entries" | "keys" | "values"
type Pairs = ReadonlyArray<readonly [string, unknown]>

const ITERATOR_PROTOTYPE: object = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()))

/**
 * The iterator of an interface that has pairs (`Headers Iterator`). At every step the pairs are taken anew: what was added
 * or removed meanwhile shows, as WebIDL demands.
 */
export const pairIterator = <Target>(name: string, pairsOf: (target: Target) => Pairs) => {
  class PairIterator {
    readonly #target: Target
    readonly #kind: Kind
    #index = 0

    constructor(target: Target, kind: Kind) {
      this.#target = target
      this.#kind = kind
    }

    next(): { value: unknown; done: boolean } {
      if (!(#target in this)) throw illegalInvocation(`${name} Iterator.next`)
      const pair = pairsOf(this.#target)[this.#index]
      if (pair === undefined) return { value: undefined, done: true }
      this.#index += 1
      const value =
        this.#kind === "keys" ? pair[0] : this.#kind === "values" ? pair[1] : ([pair[0], pair[1]] as const)
      return { value, done: false }
    }
  }
  const { prototype } = PairIterator
  Reflect.deleteProperty(prototype, "constructor")
  Object.setPrototypeOf(prototype, ITERATOR_PROTOTYPE)
  Object.defineProperty(prototype, "next", { enumerable: true })
  Object.defineProperty(prototype, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true })
  return (target: Target, kind: Kind): IterableIterator<never> =>
    new PairIterator(target, kind) as unknown as IterableIterator<never>
}

/** `[Symbol.iterator]` is the very function that `entries` is. */
export const iteratesEntries = (prototype: object): void => {
  Object.defineProperty(prototype, Symbol.iterator, {
    value: (prototype as { readonly entries: unknown }).entries,
    writable: true,
    enumerable: false,
    configurable: true
  })
}

/** `forEach` of an interface that has pairs. */
export const forEachPair = (
  target: object,
  pairs: () => Pairs,
  callback: unknown,
  thisArgument: unknown,
  what: string
): void => {
  if (typeof callback !== "function") throw new TypeError(`${what}: a function is required`)
  for (let index = 0; ; index += 1) {
    const pair = pairs()[index]
    if (pair === undefined) return
    Reflect.apply(callback, thisArgument, [pair[1], pair[0], target])
  }
}
