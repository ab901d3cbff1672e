/**
 * A program that deploys version "v2" of "hello" on the data folder given, and dies of SIGKILL at a step: before or after
 * the Nth call of a store, the pools or the router. Writes "acknowledged" when the deployment came back.
 */
import { Context, Effect, Layer } from "effect"
import { writeSync } from "node:fs"
import { layerBun } from "./BunAlone.ts"
import * as Functions from "../../src/deploy/Functions.ts"
import { collectLogs } from "./CollectedLogs.ts"
import { WorkerPools } from "../../src/pool/WorkerPools.ts"
import * as Router from "../../src/router/Router.ts"
import * as BundleStore from "../../src/store/BundleStore.ts"
import * as DataFolder from "../../src/store/DataFolder.ts"
import { MetadataStore } from "../../src/store/MetadataStore.ts"
import * as SqlMetadataStore from "../../src/store/SqlMetadataStore.ts"
import { upload } from "./ControlPlane.ts"
import { scriptedPools } from "./ScriptedPools.ts"
import { configLayer } from "./TemporaryData.ts"

const [, , folder = "", fatal = ""] = process.argv
let steps = 0

const step = (what: string) => {
  if (++steps !== Number(fatal)) return
  writeSync(1, `killed ${what}\n`)
  process.kill(process.pid, "SIGKILL")
  // The signal takes a moment, and nothing may happen in it.
  for (;;);
}

const mortal = <A extends object>(name: string, service: A): A =>
  new Proxy(service, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key)
      if (typeof member !== "function") return member
      return (...args: ReadonlyArray<unknown>) => {
        const what = `${name}.${String(key)}`
        const result: unknown = Reflect.apply(member, target, args)
        if (Effect.isEffect(result)) {
          return Effect.zipLeft(
            Effect.zipRight(
              Effect.sync(() => step(`before ${what}`)),
              result
            ),
            Effect.sync(() => step(`after ${what}`))
          )
        }
        step(`after ${what}`)
        return result
      }
    }
  })

const services = Layer.mergeAll(
  SqlMetadataStore.layer,
  BundleStore.layer,
  Router.layer,
  scriptedPools().layer
).pipe(
  Layer.provide(DataFolder.layer),
  Layer.map((context) =>
    context.pipe(
      Context.add(MetadataStore, mortal("metadata", Context.get(context, MetadataStore))),
      Context.add(BundleStore.BundleStore, mortal("bundles", Context.get(context, BundleStore.BundleStore))),
      Context.add(Router.Router, mortal("router", Context.get(context, Router.Router))),
      Context.add(WorkerPools, mortal("pools", Context.get(context, WorkerPools)))
    )
  )
)

const program = Effect.gen(function* () {
  const functions = yield* Functions.Functions
  yield* functions.deploy("hello", {
    ...upload("v2"),
    source_map: "{}"
  })
  writeSync(1, "acknowledged\n")
})

await Effect.runPromise(
  program.pipe(
    Effect.provide(
      Functions.layer.pipe(
        Layer.provide(Layer.mergeAll(services, collectLogs().layer, layerBun)),
        Layer.provideMerge(configLayer(folder))
      )
    )
  )
)
