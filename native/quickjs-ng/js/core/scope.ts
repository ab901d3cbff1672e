import { defineProperty } from "./intrinsics.ts"
import { native } from "./native.ts"
import { uncaught } from "./session.ts"

/** HTML, `WindowOrWorkerGlobalScope.reportError`: an exception as if nobody had caught it. */
const { reportError } = {
  reportError(error: unknown): void {
    uncaught(error)
  }
}

/** The Minimum Common API's: only the name of the program, by which packages ask where they run. */
const makeNavigator = (): object => {
  const navigator = {
    get userAgent() {
      return `QuickJS-NG/${native.engineVersion}`
    }
  }
  return defineProperty(navigator, Symbol.toStringTag, { value: "Navigator", configurable: true })
}

/** Defines `self`, `navigator` and `reportError`, as every global scope of the web platform has them. */
export const installScope = (): void => {
  for (const [name, value] of [
    ["self", globalThis],
    ["navigator", makeNavigator()],
    ["reportError", reportError]
  ] as const) {
    defineProperty(globalThis, name, { value, writable: true, enumerable: true, configurable: true })
  }
}
