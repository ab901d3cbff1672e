import { isObject } from "../webidl/isObject.ts"

type Kind = "key" | "value" | "key+value"

const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object

/**
 * WebIDL's default iterator of an interface with pairs: live, by index. `pairAt` answers undefined past the end.
 * The result makes an iterator over a target.
 */
export const pairIterator = <Target extends object, Key, Value>(
  name: string,
  pairAt: (target: Target, index: number) => readonly [Key, Value] | undefined
): ((target: Target, kind: Kind) => IterableIterator<never>) => {
  class PairIterator {
    #target: Target
    #kind: Kind
    #index = 0

    constructor(target: Target, kind: Kind) {
      this.#target = target
      this.#kind = kind
    }

    next(): { value: unknown; done: boolean } {
      if (!isObject(this) || !(#index in this)) throw new TypeError(`next: not called on a ${name} Iterator`)
      const pair = pairAt(this.#target, this.#index)
      if (pair === undefined) return { value: undefined, done: true }
      this.#index++
      if (this.#kind === "key") return { value: pair[0], done: false }
      if (this.#kind === "value") return { value: pair[1], done: false }
      return { value: [pair[0], pair[1]], done: false }
    }
  }
  // Nobody gets hold of the class: the prototype has no constructor of its own and inherits every iterator's methods.
  const prototype = PairIterator.prototype
  Object.setPrototypeOf(prototype, IteratorPrototype)
  Reflect.deleteProperty(prototype, "constructor")
  Object.defineProperty(prototype, "next", { enumerable: true })
  Object.defineProperty(prototype, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true })
  return (target, kind) => new PairIterator(target, kind) as unknown as IterableIterator<never>
}
