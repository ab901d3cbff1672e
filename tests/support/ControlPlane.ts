import { Context, Effect, Layer, Schema, type Scope } from "effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import type { ServerOptions } from "../../src/config/ServerConfig.ts"
import { layerBun } from "./BunAlone.ts"
import * as Functions from "../../src/deploy/Functions.ts"
import { RegisterFunction } from "../../src/domain/FunctionSpec.ts"
import { VersionLabel } from "../../src/domain/Ids.ts"
import { collectLogs } from "./CollectedLogs.ts"
import * as Router from "../../src/router/Router.ts"
import * as BundleStore from "../../src/store/BundleStore.ts"
import * as DataFolder from "../../src/store/DataFolder.ts"
import { MetadataStore } from "../../src/store/MetadataStore.ts"
import * as SqlMetadataStore from "../../src/store/SqlMetadataStore.ts"
import { scriptedPools } from "./ScriptedPools.ts"
import { configLayer, temporaryFolder } from "./TemporaryData.ts"

/** The control plane on real stores, with scripted pools and logs kept in memory. */
export const controlPlane = (folder: string, overrides?: Partial<ServerOptions>) =>
  Effect.gen(function* () {
    const pools = scriptedPools()
    const logs = collectLogs()
    const stores = Layer.mergeAll(SqlMetadataStore.layer, BundleStore.layer).pipe(
      Layer.provide(DataFolder.layer)
    )
    const context = yield* Layer.build(
      Functions.layer.pipe(
        Layer.provideMerge(Layer.mergeAll(stores, Router.layer, pools.layer, logs.layer, layerBun)),
        Layer.provide(configLayer(folder, overrides))
      )
    )
    return {
      ...pools,
      folder,
      logs: logs.entries,
      functions: Context.get(context, Functions.Functions),
      metadata: Context.get(context, MetadataStore),
      router: Context.get(context, Router.Router)
    }
  })
export type ControlPlane = Effect.Effect.Success<ReturnType<typeof controlPlane>>

export const runScoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))

/** Runs a test's body against a control plane on a data folder of its own. */
export const withControlPlane = <A, E>(body: (plane: ControlPlane) => Effect.Effect<A, E, Scope.Scope>) =>
  runScoped(
    Effect.gen(function* () {
      return yield* body(yield* controlPlane(yield* temporaryFolder))
    })
  )

export const registration = (fields: object): RegisterFunction =>
  Schema.decodeUnknownSync(RegisterFunction)(fields)

/** A bundle that answers with a text. */
export const code = (text: string): string => `export default () => new Response(${JSON.stringify(text)})\n`

/** A deployment of such a bundle; by default it answers with its version. */
export const upload = (version: string, text = version) => ({
  version: VersionLabel.make(version),
  bundle: code(text)
})

export const byPath = (version: string, bundle_path: string) => ({
  version: VersionLabel.make(version),
  bundle_path
})

export const bundleFile = (folder: string, functionId: string, version: string): string =>
  join(folder, "bundles", functionId, version, "bundle.js")

/** All files in the bundle folder. */
export const bundleFiles = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(folder, "bundles"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
