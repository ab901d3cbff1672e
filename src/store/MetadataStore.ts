import { Context, type Effect, type Option } from "effect"
import {
  DeploymentFailed,
  InvalidRequest,
  type FunctionNotFound,
  type StorageFailed,
  type VersionNotFound
} from "../domain/Errors.ts"
import type {
  DeploymentRecord,
  FunctionRecord,
  RegisterFunction,
  VersionRecord
} from "../domain/FunctionSpec.ts"
import type { FunctionId, VersionId, VersionLabel } from "../domain/Ids.ts"
import { registrationDifferences } from "../domain/registrationDifferences.ts"

/** A bundle that lies in the bundle store, to be made a version. */
export interface NewVersion {
  readonly functionId: FunctionId
  readonly version: VersionLabel
  readonly sizeBytes: number
  /** Lower-case hex. */
  readonly sha256: string
}

/** A function and the version of it that is in force. */
export interface DeployedFunction {
  readonly function: FunctionRecord
  readonly version: VersionRecord
}

/**
 * What the service knows about functions, versions and deployments. What a method has acknowledged survives SIGKILL and
 * power loss. Control plane only: an invocation never comes here.
 */
export class MetadataStore extends Context.Tag("MetadataStore")<
  MetadataStore,
  {
    /**
     * A new function, `registered`; or, where the name is taken by one of which no version was ever in force, that one with
     * these settings in the place of its own. Of a function that is deployed the settings stay: the same ones give it as it is,
     * others are refused.
     */
    readonly registerFunction: (
      input: RegisterFunction
    ) => Effect.Effect<FunctionRecord, InvalidRequest | StorageFailed>
    /** By name or id; deleted ones are not found. */
    readonly findFunction: (
      nameOrId: string
    ) => Effect.Effect<FunctionRecord, FunctionNotFound | StorageFailed>
    /** Those not deleted, by name. */
    readonly listFunctions: Effect.Effect<ReadonlyArray<FunctionRecord>, StorageFailed>
    /**
     * Makes the version known; a function that was `registered` is `built` from here on. Versions are immutable: the same
     * label with the same content gives the version that is there (`created: false`), with other content it is refused
     * with `DeploymentFailed` (stage `version`).
     */
    readonly addVersion: (
      version: NewVersion
    ) => Effect.Effect<
      { readonly record: VersionRecord; readonly created: boolean },
      DeploymentFailed | FunctionNotFound | StorageFailed
    >
    /**
     * Takes back a version that was never deployed; one that was is left alone. A function without versions is
     * `registered` again.
     */
    readonly removeUndeployed: (versionId: VersionId) => Effect.Effect<void, StorageFailed>
    readonly findVersion: (
      functionId: FunctionId,
      version: VersionLabel
    ) => Effect.Effect<Option.Option<VersionRecord>, StorageFailed>
    /** From the oldest to the newest. */
    readonly listVersions: (
      functionId: FunctionId
    ) => Effect.Effect<ReadonlyArray<VersionRecord>, StorageFailed>
    /** Whether the version was in force at any time. */
    readonly wasDeployed: (versionId: VersionId) => Effect.Effect<boolean, StorageFailed>
    /**
     * The commit point of a deploy: in one transaction the version becomes the active one, the function `deployed`, and
     * the deployment is recorded.
     */
    readonly activate: (
      functionId: FunctionId,
      versionId: VersionId
    ) => Effect.Effect<DeploymentRecord, FunctionNotFound | VersionNotFound | StorageFailed>
    /** The version that was in force before the one that is, of those that are still there; none where none was. */
    readonly versionBefore: (
      functionId: FunctionId
    ) => Effect.Effect<Option.Option<VersionRecord>, StorageFailed>
    /**
     * The commit point of a deletion: the function is `deleted`, its name free and no version of it in force; its versions and
     * deployments stay for the record. Its environment goes: nobody can reach it any more, and values may be secrets.
     */
    readonly deleteFunction: (functionId: FunctionId) => Effect.Effect<void, FunctionNotFound | StorageFailed>
    /** Forgets a version with its deployments; the one in force is refused. Its label is free then. */
    readonly deleteVersion: (
      functionId: FunctionId,
      versionId: VersionId
    ) => Effect.Effect<void, FunctionNotFound | InvalidRequest | VersionNotFound | StorageFailed>
    /** From the oldest to the newest. */
    readonly listDeployments: (
      functionId: FunctionId
    ) => Effect.Effect<ReadonlyArray<DeploymentRecord>, StorageFailed>
    /** What has to be served after a start. */
    readonly listDeployed: Effect.Effect<ReadonlyArray<DeployedFunction>, StorageFailed>
  }
>() {}

// What both stores say, so that they say the same.

/** Null where the registration says what the function is already. `defaults` are told where the function follows them. */
export const nameTaken = (
  record: FunctionRecord,
  input: RegisterFunction,
  defaults: Readonly<Record<string, unknown>> = {}
): InvalidRequest | null => {
  const differences = registrationDifferences(record, input, defaults)
  if (differences.length === 0) return null
  const { name } = record
  return new InvalidRequest({
    violations: [
      {
        field: "name",
        value: name,
        message: `"${name}" is deployed already, with other settings; deploy to it with: bunbase fn deploy ${name} FILE, or choose another name`
      },
      ...differences
    ]
  })
}

export const versionInForce = ({ name }: FunctionRecord, { version }: VersionRecord): InvalidRequest =>
  new InvalidRequest({
    violations: [
      {
        field: "version",
        value: version,
        message: `is in force; put another version of ${name} in force first (bunbase fn rollback ${name}), or delete the function`
      }
    ]
  })

export const versionTaken = (existing: VersionRecord, sha256: string): DeploymentFailed =>
  new DeploymentFailed({
    stage: "version",
    reason:
      `version "${existing.version}" exists with other content ` +
      `(sha256 ${existing.sha256.slice(0, 12)}…, this is ${sha256.slice(0, 12)}…); ` +
      "a version never changes: deploy this under a new version"
  })
