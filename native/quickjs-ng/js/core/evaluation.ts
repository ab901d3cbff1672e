import { apply, defineProperty, getPrototypeOf, setPrototypeOf } from "./intrinsics.ts"

/** What was thrown here: an invocation that ends by one of these was denied something, like one whose `fetch` was. */
const refusals = new WeakSet<object>()
const { add, has } = WeakSet.prototype

/** Whether a thrown value says that the function may not make code of text. */
export const wasRefused = (thrown: unknown): boolean =>
  typeof thrown === "object" && thrown !== null && (apply(has, refusals, [thrown]) as boolean)

/**
 * Takes the ways to make code of text away: `eval`, `Function`, and the constructors of async and generator functions, which
 * otherwise are to be had from any function. For functions without the capability `eval`; before their bundle is loaded, and
 * for good.
 *
 * A direct `eval(…)` is an ordinary call once `eval` is another function: the engine compares.
 */
export const forbidEvaluation = (): void => {
  const NativeEvalError = EvalError
  const refuse = (): never => {
    const refusal = new NativeEvalError(
      "code cannot be made of text here: the function has not the capability eval"
    )
    apply(add, refusals, [refusal])
    throw refusal
  }
  for (const made of [function () {}, async function () {}, function* () {}, async function* () {}]) {
    const prototype = getPrototypeOf(made) as object
    const { name } = prototype.constructor
    // Constructible, with the prototype that `instanceof` and `extends` ask for.
    const Refusing = function (): never {
      return refuse()
    }
    defineProperty(Refusing, "name", { value: name, configurable: true })
    defineProperty(Refusing, "length", { value: 1, configurable: true })
    defineProperty(Refusing, "prototype", { value: prototype, writable: false })
    if (name !== "Function") setPrototypeOf(Refusing, Function)
    defineProperty(prototype, "constructor", { value: Refusing, writable: false, configurable: false })
    if (name === "Function") {
      defineProperty(globalThis, "Function", { value: Refusing, writable: true, configurable: true })
    }
  }
  const evaluate = { eval: (_text: unknown): never => refuse() }.eval
  defineProperty(globalThis, "eval", { value: evaluate, writable: true, configurable: true })
}
