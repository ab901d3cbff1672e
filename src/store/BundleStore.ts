import { Context, Effect, Layer, Schema } from "effect"
import { chmod, lstat, readdir, readFile, rm } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { ServerConfig } from "../config/ServerConfig.ts"
import {
  StorageFailed,
  type DeploymentFailed,
  type InvalidRequest,
  type PayloadTooLarge
} from "../domain/Errors.ts"
import type { VersionRecord } from "../domain/FunctionSpec.ts"
import { FaultPoint } from "../domain/FaultPoint.ts"
import { FunctionId, VersionLabel } from "../domain/Ids.ts"
import type { DeployRequest } from "../protocol/Management.ts"
import { bundlePath, versionFolder } from "./BundlePath.ts"
import { readBundle, sha256Of, type Bundle } from "./BundleSource.ts"
import { DataFolder, ensureFolder, unusable, type DataFolderUnusable } from "./DataFolder.ts"
import { placeFolder, placeMarker, removeFolder, sync } from "./DurableFiles.ts"
import { describeFault, faultCode } from "./StorageFault.ts"

/** Names one stored bundle. */
export interface BundleKey {
  readonly functionId: FunctionId
  readonly version: VersionLabel
}

/** `adopted`: the bundle lay in its place before the deployment began, and stays there when that is undone. */
export type Provenance = "saved" | "adopted"

/** What has been begun with a bundle: to put it in its place for a deployment, or to take a version's away for good. */
export type Pending = Provenance | "leaving"

/**
 * The code of all versions: `{bundlesDir}/{function_id}/{version}/bundle.js`, with its source map beside it.
 *
 * A version folder appears in one step, complete, and goes in one step. While its deployment is not yet committed, or its
 * deletion not yet complete, a marker in `{bundlesDir}/.pending` names it: after a crash, what is pending is completed or
 * undone, and nothing else is touched, so that a bundle which somebody put there by hand is safe.
 */
export class BundleStore extends Context.Tag("BundleStore")<
  BundleStore,
  {
    /** The bundle that a caller sent or named, read and checked. */
    readonly read: (
      request: DeployRequest
    ) => Effect.Effect<Bundle, DeploymentFailed | InvalidRequest | PayloadTooLarge>
    /**
     * Stores a bundle, pending. One that lies in its place already with the same content is taken over as it is. On
     * failure nothing is stored.
     */
    readonly save: (key: BundleKey, bundle: Bundle) => Effect.Effect<Provenance, StorageFailed>
    /** The deployment is committed: the bundle is no longer pending. */
    readonly settle: (key: BundleKey) => Effect.Effect<void, StorageFailed>
    /** The deployment is off: takes a saved bundle away, with everything in its folder, and lets go of an adopted one. */
    readonly undo: (key: BundleKey, provenance: Provenance) => Effect.Effect<void, StorageFailed>
    /** Marks a version's bundle as one that goes when the deletion of its version is committed: then by `remove`. */
    readonly condemn: (key: BundleKey) => Effect.Effect<void, StorageFailed>
    /** Takes a bundle away for good, with everything in its folder. Nothing is done where there is none. */
    readonly remove: (key: BundleKey) => Effect.Effect<void, StorageFailed>
    /** What a crash left between `save` or `condemn` and their end. */
    readonly pending: Effect.Effect<ReadonlyArray<BundleKey & { readonly state: Pending }>, StorageFailed>
    /** Whether the stored file still has the content that it was stored with. Reads all of it. */
    readonly isIntact: (version: VersionRecord) => Effect.Effect<boolean, StorageFailed>
    /** Whether a file of the right size is there. Cheap: for every function at start-up. */
    readonly isPresent: (version: VersionRecord) => Effect.Effect<boolean, StorageFailed>
  }
>() {}

const storing = <A>(operation: string, body: () => Promise<A>): Effect.Effect<A, StorageFailed> =>
  Effect.tryPromise({
    try: body,
    catch: (cause) =>
      cause instanceof StorageFailed
        ? cause
        : new StorageFailed({ operation, reason: describeFault(cause).reason })
  })

const absent = (cause: unknown): null => {
  const code = faultCode(cause)
  if (code === "ENOENT" || code === "ENOTDIR") return null
  throw cause
}

const make = Effect.gen(function* () {
  const config = yield* ServerConfig
  // Asked for because of its lock: what is swept here belongs to no other server.
  yield* DataFolder
  const reached = yield* FaultPoint
  const root = config.bundlesDir
  const workspace = join(root, ".incoming")
  const markers = join(root, ".pending")

  yield* ensureFolder(markers)
  yield* Effect.tryPromise({
    try: () => rm(workspace, { recursive: true, force: true }),
    catch: (cause) => unusable(workspace, cause)
  })
  yield* ensureFolder(workspace)

  const markerOf = ({ functionId, version }: BundleKey) => join(markers, `${functionId}@${version}`)

  // The names are checked, so the path cannot climb; a link in its place could still lead anywhere.
  const refuseLinks = async (operation: string, { functionId, version }: BundleKey) => {
    for (const part of [functionId, versionFolder(functionId, version), bundlePath(functionId, version)]) {
      const facts = await lstat(join(root, part)).catch(absent)
      if (facts?.isSymbolicLink()) {
        throw new StorageFailed({
          operation,
          reason: `a symbolic link stands at ${part} in the bundle folder; remove it`
        })
      }
    }
  }

  const sizeOf = async (path: string): Promise<number | null> => {
    const facts = await lstat(path).catch(absent)
    return facts?.isFile() ? facts.size : null
  }

  const adopt = async (path: string, bundle: Bundle): Promise<boolean> => {
    if ((await sizeOf(path)) !== bundle.bytes.length) return false
    if (sha256Of(await readFile(path)) !== bundle.sha256) return false
    await chmod(path, 0o600)
    await sync(path)
    await sync(dirname(path))
    return true
  }

  const take = async (key: BundleKey) => {
    await removeFolder(join(root, versionFolder(key.functionId, key.version)), workspace, reached)
    reached("removal:done")
    await rm(markerOf(key), { force: true })
    reached("marker:removed")
  }

  const save = (key: BundleKey, bundle: Bundle) =>
    storing("store the bundle", async (): Promise<Provenance> => {
      await refuseLinks("store the bundle", key)
      if (await adopt(join(root, bundlePath(key.functionId, key.version)), bundle)) {
        await placeMarker(markerOf(key), "adopted", reached)
        return "adopted"
      }
      await placeMarker(markerOf(key), "saved", reached)
      const files = {
        "bundle.js": bundle.bytes,
        ...(bundle.sourceMap === null ? {} : { "bundle.js.map": bundle.sourceMap })
      }
      try {
        await placeFolder(join(root, versionFolder(key.functionId, key.version)), files, workspace, reached)
      } catch (cause) {
        // What cannot be cleared up now is still pending, and is undone at the next start.
        await take(key).catch(() => undefined)
        throw cause
      }
      return "saved"
    })

  const pending = storing("look for unfinished deployments", async () => {
    const found: Array<BundleKey & { readonly state: Pending }> = []
    for (const name of await readdir(markers)) {
      const [functionId, version, ...rest] = name.split("@")
      if (!Schema.is(FunctionId)(functionId) || !Schema.is(VersionLabel)(version) || rest.length > 0) continue
      // A marker that the crash left empty was being written: nothing had been stored yet.
      const content = await readFile(join(markers, name), "utf8")
      found.push({
        functionId,
        version,
        state: content === "saved" || content === "leaving" ? content : "adopted"
      })
    }
    return found
  })

  return BundleStore.of({
    read: (request) => readBundle(request, config.maxBundleBytes),
    save,
    settle: (key) =>
      storing("settle the bundle", async () => {
        await rm(markerOf(key), { force: true })
        reached("marker:removed")
      }),
    undo: (key, provenance) =>
      storing("take the bundle back", async () => {
        await refuseLinks("take the bundle back", key)
        if (provenance === "saved") return await take(key)
        await rm(markerOf(key), { force: true })
        reached("marker:removed")
      }),
    condemn: (key) =>
      storing("mark the bundle", async () => {
        await refuseLinks("mark the bundle", key)
        await placeMarker(markerOf(key), "leaving", reached)
      }),
    remove: (key) =>
      storing("remove the bundle", async () => {
        await refuseLinks("remove the bundle", key)
        await take(key)
      }),
    pending,
    isIntact: ({ bundle_path, sha256, size_bytes }) =>
      storing("check the bundle", async () => {
        const path = resolve(root, bundle_path)
        if ((await sizeOf(path)) !== size_bytes) return false
        return sha256Of(await readFile(path)) === sha256
      }),
    isPresent: ({ bundle_path, size_bytes }) =>
      storing("check the bundle", async () => (await sizeOf(resolve(root, bundle_path))) === size_bytes)
  })
})

export const layer: Layer.Layer<BundleStore, DataFolderUnusable, ServerConfig | DataFolder> = Layer.effect(
  BundleStore,
  make
)
