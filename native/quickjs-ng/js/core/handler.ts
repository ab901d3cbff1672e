import { append, isOneOf, joined } from "../webidl/primordials.ts"
import { apply, isArray, keys, stringify, whenOwnSettled } from "./intrinsics.ts"
import type { ErrorCode } from "../wire/constants.ts"
import type { ErrorFields } from "./lines.ts"
import { native } from "./native.ts"
import { describeThrown, isOutOfMemory, placeInBundle, withClass } from "./thrown.ts"

/** A loaded function: calls the handler. What it throws or returns is the function's own affair. */
export type Handler = (request: unknown) => unknown

export type Loaded =
  | {
      readonly _tag: "Handler"
      readonly handler: Handler
      /** The export that it is: the name that was asked for, or `default`. */
      readonly exported: string
    }
  | { readonly _tag: "Failed"; readonly code: ErrorCode; readonly error: ErrorFields }

const failed = (code: ErrorCode, error: ErrorFields): Loaded => ({ _tag: "Failed", code, error })

const toHandler = (exported: unknown): Handler | undefined => {
  if (typeof exported === "function") return (request) => apply(exported, undefined, [request])
  if (typeof exported !== "object" || exported === null) return undefined
  const { fetch } = exported as { readonly fetch?: unknown }
  return typeof fetch === "function" ? (request) => apply(fetch, exported, [request]) : undefined
}

const notLoaded = (thrown: unknown): Loaded => {
  if (isOutOfMemory(thrown)) {
    native.relieveMemory()
    return failed("OUT_OF_MEMORY", { message: "the bundle needs more memory than the function may have" })
  }
  // a text alone would not say that it was thrown, and it brings no place along
  if (typeof thrown === "string" && thrown !== "")
    return failed("BUNDLE_LOAD_ERROR", { message: `${stringify(thrown)} was thrown at the top level` })
  const { message, stack } = withClass(describeThrown(thrown))
  const { line, column } = placeInBundle(thrown)
  return failed("BUNDLE_LOAD_ERROR", { message, stack, line, column })
}

/** What a value is that cannot handle requests. */
const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return `${value}`
  if (isArray(value)) return "an array"
  return typeof value === "object" ? "an object without a fetch method" : `a ${typeof value}`
}

const firstOf = (names: ReadonlyArray<string>, most: number): ReadonlyArray<string> => {
  const first: Array<string> = []
  for (let i = 0; i < names.length && i < most; i += 1) append(first, names[i] as string)
  return first
}

/** Why a module without a handler has none. */
const withoutHandler = (module: Record<string, unknown>, name: string): string => {
  const names = keys(module)
  const first = isOneOf(names, "default")
    ? `the default export is ${kindOf(module["default"])}, not a function or an object with a fetch method`
    : "there is no default export"
  const wanted = name === "" || name === "default" ? "" : `, nor is there a function "${name}"`
  if (names.length === 0) return `${first}${wanted}; it exports nothing`
  const has =
    names.length === 1 && names[0] === "default" ? "" : `; it exports ${joined(firstOf(names, 20), ", ")}`
  return `${first}${wanted}${has}`
}

/** What the evaluated module makes of a request. */
const handlerOf = (module: Record<string, unknown>, name: string): Loaded => {
  try {
    const first = toHandler(module["default"])
    const handler = first ?? (name === "" ? undefined : toHandler(module[name]))
    if (handler === undefined) return failed("NO_HANDLER", { message: withoutHandler(module, name) })
    // one value under both names is what was asked for
    const asked = first === undefined || (name !== "" && module[name] === module["default"])
    return { _tag: "Handler", handler, exported: asked ? name : "default" }
  } catch (thrown) {
    return failed("BUNDLE_LOAD_ERROR", withClass(describeThrown(thrown)))
  }
}

/**
 * Evaluates the bundle, once, and finds its handler: the default export (a function, or an object with `fetch`), else
 * the export that `name` names. Calls back once, whatever the bundle made of the built-ins.
 */
export const loadBundle = (path: string, name: string, loaded: (loaded: Loaded) => void): void => {
  const failedBy = (thrown: unknown): void => loaded(notLoaded(thrown))
  let evaluation: ReturnType<typeof native.loadBundle>
  try {
    evaluation = native.loadBundle(path)
  } catch (thrown) {
    return failedBy(thrown)
  }
  const module = evaluation[1]
  whenOwnSettled(evaluation[0], () => loaded(handlerOf(module, name)), failedBy)
}
