import given from "bunbase:native"
import type { Native } from "../native.ts"
import { descriptor } from "../webidl/primordials.ts"

export const native: Native = given

const { create, getOwnPropertyDescriptor, getPrototypeOf } = Object
const { defineProperty, deleteProperty } = Reflect

interface Own {
  readonly holder: object
  readonly key: PropertyKey
  readonly value: unknown
}

/** What the language looks up to walk through something. */
const iteration: Array<Own> = []
for (const iterable of [[], new Map(), new Set(), ""]) {
  for (const [holder, key] of [
    [getPrototypeOf(iterable), Symbol.iterator],
    [getPrototypeOf(iterable[Symbol.iterator]()), "next"]
  ] as ReadonlyArray<readonly [object, PropertyKey]>) {
    iteration.push({ holder, key, value: (holder as Record<PropertyKey, unknown>)[key] })
  }
}

/** Runs with one of them as it was, or as the function has left it where nobody can change it back. */
const withOwn = <Result>(index: number, run: () => Result): Result => {
  if (index === iteration.length) return run()
  const { holder, key, value } = iteration[index] as Own
  const found = getOwnPropertyDescriptor(holder, key)
  const before = found === undefined ? undefined : descriptor(found)
  const isOwn = before?.value === value
  if (isOwn) return withOwn(index + 1, run)
  defineProperty(holder, key, descriptor({ value, writable: true, configurable: true }))
  try {
    return withOwn(index + 1, run)
  } finally {
    if (before === undefined) deleteProperty(holder, key)
    else defineProperty(holder, key, before)
  }
}

const { segment } = given
const evaluated = create(null) as Record<string, Record<string, unknown>>

/**
 * A part of the library that is evaluated late would walk through its tables by what a function has put in the iterators'
 * place; and as that belongs to no invocation, no deadline would end a walk without end.
 */
native.segment = (name) => (evaluated[name] ??= withOwn(0, () => segment(name)))
