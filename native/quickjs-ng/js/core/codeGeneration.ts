import { defineProperty } from "./intrinsics.ts"

const { getPrototypeOf } = Object

const refuse = (name: string): never => {
  throw new EvalError(`${name}: code from strings is not allowed for this function`)
}

/** A constructor that makes nothing, in the place of one that compiles strings. */
const stand = (name: string, prototype: object): void => {
  const held = {
    [name]: function (): never {
      return refuse(name)
    }
  }[name] as unknown as object
  defineProperty(held, "prototype", { value: prototype, writable: false })
  defineProperty(prototype, "constructor", { value: held, writable: true, configurable: true })
  if (name === "Function")
    defineProperty(globalThis, name, { value: held, writable: true, configurable: true })
}

/** Takes away every way to make code of a string: `eval`, and the constructors of the four kinds of functions. */
export const forbidCodeGeneration = (): void => {
  const { eval: indirect } = {
    eval(): never {
      return refuse("eval")
    }
  }
  defineProperty(globalThis, "eval", { value: indirect, writable: true, configurable: true })
  stand("Function", getPrototypeOf(() => {}) as object)
  stand("AsyncFunction", getPrototypeOf(async () => {}) as object)
  stand("GeneratorFunction", getPrototypeOf(function* () {}) as object)
  stand("AsyncGeneratorFunction", getPrototypeOf(async function* () {}) as object)
}
