import { Context, Effect, Layer } from "effect"
import { FunctionNotFound } from "../domain/Errors.ts"
import type { FunctionId, FunctionName } from "../domain/Ids.ts"
import type { Target } from "../domain/Invocation.ts"

/**
 * Name or id → immutable `Target`, from a snapshot in memory: an invocation never touches the database. The control
 * plane publishes a new target as the last step of a deploy; invocations under way keep the one they were given.
 */
export class Router extends Context.Tag("Router")<
  Router,
  {
    /** The target of a name or an id, or why there is none (FN_001). Synchronous and constant in time (S-11). */
    readonly resolve: (nameOrId: string) => Target | FunctionNotFound
    /** Makes a registered function known: from here on it is "not deployed" instead of "unknown". */
    readonly announce: (functionId: FunctionId, name: FunctionName) => void
    /** Directs all further invocations of the function here. */
    readonly publish: (target: Target) => void
    /** Forgets the function. */
    readonly withdraw: (functionId: FunctionId) => void
  }
>() {}

const make = Effect.sync(() => {
  // One map for both keys: a name never has the form of an id.
  const entries = new Map<string, Target | "not_deployed">()
  const names = new Map<FunctionId, FunctionName>()
  return Router.of({
    resolve: (nameOrId) => {
      const entry = entries.get(nameOrId)
      if (entry === undefined) return new FunctionNotFound({ function: nameOrId, reason: "unknown" })
      if (entry === "not_deployed")
        return new FunctionNotFound({ function: nameOrId, reason: "not_deployed" })
      return entry
    },
    announce: (functionId, name) => {
      if (names.has(functionId)) return
      names.set(functionId, name)
      entries.set(functionId, "not_deployed")
      entries.set(name, "not_deployed")
    },
    publish: (target) => {
      names.set(target.functionId, target.name)
      entries.set(target.functionId, target)
      entries.set(target.name, target)
    },
    withdraw: (functionId) => {
      const name = names.get(functionId)
      names.delete(functionId)
      entries.delete(functionId)
      if (name !== undefined) entries.delete(name)
    }
  })
})

export const layer: Layer.Layer<Router> = Layer.effect(Router, make)
