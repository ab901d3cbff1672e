import { Context, Layer } from "effect"
import type { Runtime } from "../domain/FunctionSpec.ts"
import { runtimeRefusal } from "../domain/NotYet.ts"

/** Which runtimes this build can run functions on: null, or why it cannot (a sentence for the caller). */
export class AvailableRuntimes extends Context.Tag("AvailableRuntimes")<
  AvailableRuntimes,
  Readonly<Record<Runtime, { readonly unavailable: string | null }>>
>() {}

/** Those of this build. */
export const layerBun: Layer.Layer<AvailableRuntimes> = Layer.succeed(AvailableRuntimes, {
  bun: { unavailable: runtimeRefusal.bun },
  "quickjs-ng": { unavailable: runtimeRefusal["quickjs-ng"] }
})
