import { Layer } from "effect"
import { AvailableRuntimes } from "../../src/deploy/AvailableRuntimes.ts"

/** Why there is no other runtime. */
export const noQuickJs = "this installation has no QuickJS-NG worker; build it, or use bun"

/** A server with Bun alone. */
export const layerBun: Layer.Layer<AvailableRuntimes> = Layer.succeed(AvailableRuntimes, {
  bun: { unavailable: null },
  "quickjs-ng": { unavailable: noQuickJs }
})
