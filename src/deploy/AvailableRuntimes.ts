import { Context, Effect, Layer } from "effect"
import { findQuickJs } from "../config/QuickJsProgram.ts"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { Runtime } from "../domain/FunctionSpec.ts"
import type { RuntimesView } from "../protocol/Management.ts"

/** Which runtimes this server can run functions on: null, or why it cannot (a sentence for the caller). */
export class AvailableRuntimes extends Context.Tag("AvailableRuntimes")<
  AvailableRuntimes,
  Readonly<Record<Runtime, { readonly unavailable: string | null }>>
>() {}

/** Bun is always there, because the server runs on it; QuickJS-NG where its program has been built. */
export const layer: Layer.Layer<AvailableRuntimes, never, ServerConfig> = Layer.effect(
  AvailableRuntimes,
  Effect.map(ServerConfig, ({ quickjsWorker }) => {
    const program = findQuickJs(quickjsWorker)
    return {
      bun: { unavailable: null },
      "quickjs-ng": { unavailable: program._tag === "Found" ? null : program.reason }
    }
  })
)

/** The same for those who ask from outside. */
export const runtimesView = (runtimes: AvailableRuntimes["Type"]): RuntimesView =>
  Object.fromEntries(
    Object.entries(runtimes).map(([name, { unavailable }]) => [
      name,
      unavailable === null ? { available: true } : { available: false, reason: unavailable }
    ])
  )
