import { Context, Layer } from "effect"
import type { Runtime } from "../domain/FunctionSpec.ts"

/** Which runtimes this build can run functions on: null, or why it cannot (a sentence for the caller). */
export class AvailableRuntimes extends Context.Tag("AvailableRuntimes")<
  AvailableRuntimes,
  Readonly<Record<Runtime, { readonly unavailable: string | null }>>
>() {}

/** Bun alone. */
export const layerBun: Layer.Layer<AvailableRuntimes> = Layer.succeed(AvailableRuntimes, {
  bun: { unavailable: null },
  "quickjs-ng": { unavailable: "this build has no QuickJS-NG worker yet; use bun" }
})
