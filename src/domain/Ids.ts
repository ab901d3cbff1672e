import { Schema } from "effect"

/**
 * Names, versions and identifiers as they appear in paths, frames and tables.
 * Each is a branded string, so that a version cannot be handed where a name is meant.
 */

/** A function's name: 1–63 characters, `[a-z0-9][a-z0-9-]{0,62}`. It is a path segment and an argument. */
export const FunctionName = Schema.String.pipe(
  Schema.pattern(/^[a-z0-9][a-z0-9-]{0,62}$/, {
    message: () => "use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit"
  }),
  Schema.filter(
    (name) => !isFunctionId(name) || "this form is reserved for function ids; choose another name"
  ),
  Schema.brand("FunctionName")
)
export type FunctionName = typeof FunctionName.Type

/** A function's identifier: `func-` and 16 characters of base 32. It never changes and is never reused. */
export const FunctionId = Schema.String.pipe(
  Schema.pattern(/^func-[0-9a-hjkmnp-tv-z]{16}$/, {
    message: () => "a function id looks like func-4c7r0tq9x2m8k5zd"
  }),
  Schema.brand("FunctionId")
)
export type FunctionId = typeof FunctionId.Type

/** The label of a version, e.g. `v1`, `1.0.0`, `2026-01-27`. It is a folder's name: no `/`, no `..`. */
export const VersionLabel = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z0-9](?:[A-Za-z0-9_+-]|\.(?!\.)){0,63}$/, {
    message: () =>
      "use 1 to 64 letters, digits, '.', '_', '+', '-', beginning with a letter or digit, without '..'"
  }),
  Schema.brand("VersionLabel")
)
export type VersionLabel = typeof VersionLabel.Type

/** The identifier of one stored version: `ver-` and 16 characters of base 32. */
export const VersionId = Schema.String.pipe(
  Schema.pattern(/^ver-[0-9a-hjkmnp-tv-z]{16}$/),
  Schema.brand("VersionId")
)
export type VersionId = typeof VersionId.Type

/** The identifier of one deployment (an act, not a state): `deploy-` and 16 characters of base 32. */
export const DeploymentId = Schema.String.pipe(
  Schema.pattern(/^deploy-[0-9a-hjkmnp-tv-z]{16}$/),
  Schema.brand("DeploymentId")
)
export type DeploymentId = typeof DeploymentId.Type

/** A worker process's identifier, unique within one run of the server: `w1-1`, `w1-2`, … the first number is its pool's. */
export type WorkerId = string & { readonly WorkerId: unique symbol }

const invocationIdPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/

/**
 * An invocation id that a caller brought is taken over when it is a safe token of at most 128 characters:
 * it is written into logs, headers and messages. Anything else is replaced by a UUIDv7.
 */
export const isInvocationId = (value: string): boolean => invocationIdPattern.test(value)

const functionIdPattern = /^func-[0-9a-hjkmnp-tv-z]{16}$/
export const isFunctionId = (value: string): value is FunctionId => functionIdPattern.test(value)

// Crockford's base 32 in lower case: no i, l, o, u, so that an id can be read aloud and typed.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
const token = (): string => {
  let text = ""
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) text += alphabet[byte & 31]
  return text
}

export const newFunctionId = (): FunctionId => `func-${token()}` as FunctionId
export const newVersionId = (): VersionId => `ver-${token()}` as VersionId
export const newDeploymentId = (): DeploymentId => `deploy-${token()}` as DeploymentId
/** UUIDv7: sorts by time. */
export const newInvocationId = (): string => Bun.randomUUIDv7()

/** The caller's id where it is a safe token, else a new one; the handler never sees one that was not taken over. */
export const takeInvocationId = (headers: Record<string, string | ReadonlyArray<string>>): string => {
  const given = headers["x-invocation-id"]
  if (given === undefined) return newInvocationId()
  if (typeof given === "string" && isInvocationId(given)) return given
  const id = newInvocationId()
  headers["x-invocation-id"] = id
  return id
}
