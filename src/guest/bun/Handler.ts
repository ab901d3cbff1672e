import type { ErrorCode } from "../../protocol/worker/Wire.ts"
import { earlyImport, type Module } from "./Start.ts"
import { apply, isArray, stringify } from "./Intrinsics.ts"
import type { ErrorFields } from "./Lines.ts"
import { describeThrown, type Place, placeInBundle, withClass } from "./Thrown.ts"

/** A loaded function: calls the handler. What it throws or returns is the function's own affair. */
export type Handler = (request: Request) => unknown

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

/** An AggregateError of the parser stands for the first of its messages; the others follow it. */
const unfold = (thrown: unknown): { readonly first: unknown; readonly more: string } => {
  try {
    if (thrown instanceof AggregateError && thrown.errors.length > 0) {
      const errors = thrown.errors as Array<unknown>
      let more = ""
      for (let i = 1; i < errors.length && i <= 10; i += 1) more += `; ${describeThrown(errors[i]).message}`
      return { first: errors[0], more }
    }
  } catch {
    // a hostile one
  }
  return { first: thrown, more: "" }
}

/**
 * The engine's own syntax errors have a line only, and one that may be off. Bun's parser, which an already translated bundle
 * (`// @bun`) did not pass through, knows the place of most of them.
 */
const placeByParser = async (path: string): Promise<Place> => {
  const source = await readText(path)
  if (source === null) return {}
  try {
    new Bun.Transpiler({ loader: "js" }).scan(source)
  } catch (thrown) {
    return placeInBundle(unfold(thrown).first, path)
  }
  return {}
}

const readText = async (path: string): Promise<string | null> => {
  try {
    return await Bun.file(path).text()
  } catch {
    return null
  }
}

/** What a value is that cannot handle requests. */
const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return `${value}`
  if (isArray(value)) return "an array"
  return typeof value === "object" ? "an object without a fetch method" : `a ${typeof value}`
}

/** Why a module without a handler has none. */
const withoutHandler = (module: Module, name: string): string => {
  const names = Object.keys(module)
  const first = names.includes("default")
    ? `the default export is ${kindOf(module["default"])}, not a function or an object with a fetch method`
    : "there is no default export"
  const wanted = name === "" || name === "default" ? "" : `, nor is there a function "${name}"`
  if (names.length === 0) return `${first}${wanted}; it exports nothing`
  const has =
    names.length === 1 && names[0] === "default" ? "" : `; it exports ${names.slice(0, 20).join(", ")}`
  return `${first}${wanted}${has}`
}

/**
 * Imports the bundle, once, and finds its handler: the default export (a function, or an object with `fetch`), else the
 * export that `name` names.
 */
export const loadBundle = async (path: string, name: string): Promise<Loaded> => {
  let module: Module
  try {
    module = await (earlyImport(path) ?? (import(path) as Promise<Module>))
  } catch (thrown) {
    const { first, more } = unfold(thrown)
    // A text alone would not say that it was thrown, and it brings no place along.
    const described: ErrorFields =
      typeof first === "string" && first !== ""
        ? { message: `${stringify(first)} was thrown at the top level` }
        : withClass(describeThrown(first))
    const place = placeInBundle(first, path)
    return failed("BUNDLE_LOAD_ERROR", {
      message: described.message + more,
      stack: described.stack,
      ...(place.column === undefined ? await placeByParser(path) : place)
    })
  }
  try {
    const first = toHandler(module["default"])
    const handler = first ?? (name === "" ? undefined : toHandler(module[name]))
    if (handler !== undefined) {
      // One value under both names is what was asked for.
      const asked = first === undefined || (name !== "" && module[name] === module["default"])
      return { _tag: "Handler", handler, exported: asked ? name : "default" }
    }
    return failed("NO_HANDLER", { message: withoutHandler(module, name) })
  } catch (thrown) {
    return failed("BUNDLE_LOAD_ERROR", withClass(describeThrown(thrown)))
  }
}
