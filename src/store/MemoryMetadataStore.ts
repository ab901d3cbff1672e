import { Clock, Effect, Layer, Option } from "effect"
import { resolve } from "node:path"
import { ServerConfig } from "../config/ServerConfig.ts"
import { FunctionNotFound, VersionNotFound } from "../domain/Errors.ts"
import type {
  DeploymentRecord,
  FunctionRecord,
  RegisterFunction,
  VersionRecord
} from "../domain/FunctionSpec.ts"
import {
  newDeploymentId,
  newFunctionId,
  newVersionId,
  type FunctionId,
  type VersionId
} from "../domain/Ids.ts"
import { registrationDifferences } from "../domain/registrationDifferences.ts"
import { bundlePath } from "./BundlePath.ts"
import { MetadataStore, nameTaken, versionInForce, versionTaken, type NewVersion } from "./MetadataStore.ts"

const timestamp = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis).toISOString())

/** The same store without a file, for tests. Held to the same contract as the other one. */
const make = Effect.map(ServerConfig, ({ bundlesDir }) => {
  const functions = new Map<FunctionId, FunctionRecord>()
  const versions = new Map<VersionId, VersionRecord>()
  const deployments: Array<DeploymentRecord> = []

  const list = () =>
    [...functions.values()]
      .filter(({ status }) => status !== "deleted")
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  const find = (nameOrId: string) => {
    const found = list().find(({ id, name }) => id === nameOrId || name === nameOrId)
    return found === undefined
      ? Effect.fail(new FunctionNotFound({ function: nameOrId, reason: "unknown" }))
      : Effect.succeed(found)
  }
  const versionsOf = (functionId: FunctionId) =>
    [...versions.values()].filter((version) => version.function_id === functionId)
  const change = (record: FunctionRecord, fields: Partial<FunctionRecord>) =>
    functions.set(record.id, { ...record, ...fields })

  const registerFunction = (input: RegisterFunction) =>
    Effect.gen(function* () {
      const existing = list().find(({ name }) => name === input.name)
      if (existing !== undefined && existing.active_version_id !== null) {
        const refusal = nameTaken(existing, input)
        return refusal === null ? existing : yield* refusal
      }
      if (existing !== undefined && registrationDifferences(existing, input).length === 0) return existing
      const at = yield* timestamp
      const { env, handler, name, runtime, ...settings } = input
      const record: FunctionRecord = {
        id: existing?.id ?? newFunctionId(),
        name,
        runtime,
        handler,
        status: existing?.status ?? "registered",
        settings,
        env,
        active_version_id: null,
        active_version: null,
        created_at: existing?.created_at ?? at,
        updated_at: at
      }
      functions.set(record.id, record)
      return record
    })

  const addVersion = ({ functionId, sha256, sizeBytes, version }: NewVersion) =>
    Effect.gen(function* () {
      const found = yield* find(functionId)
      const existing = versionsOf(functionId).find((other) => other.version === version)
      if (existing !== undefined) {
        if (existing.sha256 !== sha256) return yield* versionTaken(existing, sha256)
        return { record: existing, created: false }
      }
      const at = yield* timestamp
      const record: VersionRecord = {
        id: newVersionId(),
        function_id: functionId,
        version,
        bundle_path: resolve(bundlesDir, bundlePath(functionId, version)),
        size_bytes: sizeBytes,
        sha256,
        created_at: at
      }
      versions.set(record.id, record)
      if (found.status === "registered") change(found, { status: "built", updated_at: at })
      return { record, created: true }
    })

  const removeUndeployed = (versionId: VersionId) =>
    Effect.gen(function* () {
      const at = yield* timestamp
      const version = versions.get(versionId)
      if (version === undefined || deployments.some(({ version_id }) => version_id === versionId)) return
      versions.delete(versionId)
      unbuild(version.function_id, at)
    })

  const unbuild = (functionId: FunctionId, at: string) => {
    const found = functions.get(functionId)
    if (found?.status === "built" && versionsOf(found.id).length === 0) {
      change(found, { status: "registered", updated_at: at })
    }
  }

  const activate = (functionId: FunctionId, versionId: VersionId) =>
    Effect.gen(function* () {
      const found = yield* find(functionId)
      const version = versions.get(versionId)
      if (version?.function_id !== functionId) {
        return yield* new VersionNotFound({ function: found.name, version: versionId })
      }
      const at = yield* timestamp
      supersede(functionId)
      const deployment: DeploymentRecord = {
        id: newDeploymentId(),
        function_id: functionId,
        version_id: versionId,
        version: version.version,
        status: "deployed",
        created_at: at
      }
      deployments.push(deployment)
      change(found, {
        status: "deployed",
        active_version_id: versionId,
        active_version: version.version,
        updated_at: at
      })
      return deployment
    })

  const supersede = (functionId: FunctionId) =>
    deployments.forEach((other, index) => {
      if (other.function_id === functionId) deployments[index] = { ...other, status: "superseded" }
    })

  const versionBefore = (functionId: FunctionId) => {
    const active = functions.get(functionId)?.active_version_id
    const before = deployments.findLast(
      (one) => one.function_id === functionId && one.version_id !== active && versions.has(one.version_id)
    )
    return Option.fromNullable(before === undefined ? null : versions.get(before.version_id))
  }

  const deleteFunction = (functionId: FunctionId) =>
    Effect.gen(function* () {
      const found = yield* find(functionId)
      const at = yield* timestamp
      supersede(functionId)
      change(found, { status: "deleted", env: {}, updated_at: at })
    })

  const deleteVersion = (functionId: FunctionId, versionId: VersionId) =>
    Effect.gen(function* () {
      const found = yield* find(functionId)
      const version = versions.get(versionId)
      if (version?.function_id !== functionId) {
        return yield* new VersionNotFound({ function: found.name, version: versionId })
      }
      if (found.active_version_id === versionId) return yield* versionInForce(found, version)
      versions.delete(versionId)
      deployments.splice(0, Infinity, ...deployments.filter((one) => one.version_id !== versionId))
      unbuild(functionId, yield* timestamp)
    })

  return MetadataStore.of({
    registerFunction,
    findFunction: (nameOrId) => Effect.suspend(() => find(nameOrId)),
    listFunctions: Effect.sync(list),
    addVersion,
    removeUndeployed,
    findVersion: (functionId, version) =>
      Effect.sync(() =>
        Option.fromNullable(versionsOf(functionId).find((other) => other.version === version))
      ),
    listVersions: (functionId) => Effect.sync(() => versionsOf(functionId)),
    wasDeployed: (versionId) =>
      Effect.sync(() => deployments.some(({ version_id }) => version_id === versionId)),
    activate,
    versionBefore: (functionId) => Effect.sync(() => versionBefore(functionId)),
    deleteFunction,
    deleteVersion,
    listDeployments: (functionId) =>
      Effect.sync(() => deployments.filter(({ function_id }) => function_id === functionId)),
    listDeployed: Effect.sync(() =>
      list().flatMap((found) => {
        const version = found.active_version_id === null ? undefined : versions.get(found.active_version_id)
        return version === undefined ? [] : [{ function: found, version }]
      })
    )
  })
})

export const layer: Layer.Layer<MetadataStore, never, ServerConfig> = Layer.effect(MetadataStore, make)
