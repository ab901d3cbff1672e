import { Effect, type Scope, Schema } from "effect"
import { findJsonFault } from "../config/JsonFault.ts"
import { mostDeployBytes } from "../config/ServerConfig.ts"
import { InvalidRequest, type LimitExceeded, PayloadTooLarge, type Violation } from "../domain/Errors.ts"
import { RegisterFunction } from "../domain/FunctionSpec.ts"
import { VersionLabel } from "../domain/Ids.ts"
import { DeployByPath, DeployByUpload, type DeployRequest, RollbackRequest } from "../protocol/Management.ts"
import { violationsOf } from "../protocol/violations.ts"
import type { BodyBudget } from "../router/BodyBudget.ts"
import { declaredLength, HeldBody } from "./RequestBody.ts"

/** How a body can be refused: FN_006, 400 with every violation, or 413; FN_007 where others take all the room. */
export type BodyError = InvalidRequest | PayloadTooLarge | LimitExceeded

/** Bodies stay counted until the scope ends: what was read from them lives as long. */
type Read<A> = Effect.Effect<A, BodyError, Scope.Scope>

/** Where a body is read to: what it may take, and which option says so. */
interface Room {
  readonly budget: BodyBudget["Type"]
  readonly limitBytes: number
  readonly option?: string
}

const KiB = 1024
/** A registration: settings, capabilities and environment. */
const REGISTRATION_BYTES = 256 * KiB
const MOST_FIELDS = 100

/** Reads the body of `POST /api/functions`. */
export const readRegistration = (request: Request, budget: BodyBudget["Type"]): Read<RegisterFunction> =>
  Effect.flatMap(json(request, { budget, limitBytes: REGISTRATION_BYTES }), decodeRegistration)

/**
 * Reads the body of `POST /api/functions/:id/deploy`: JSON, or a form as `curl -F version=v1 -F bundle=@dist/bundle.js`
 * sends it.
 */
export const readDeployment = (
  request: Request,
  budget: BodyBudget["Type"],
  maxBundleBytes: number
): Read<DeployRequest> => {
  const room = { budget, limitBytes: mostDeployBytes(maxBundleBytes), option: "max_bundle_bytes" }
  return Effect.flatMap(
    mediaType(request) === "multipart/form-data" ? form(request, room) : json(request, room),
    decodeDeployment
  )
}

/** Reads the body of `POST /api/functions/:id/rollback`: JSON, or none at all. */
export const readRollback = (request: Request, budget: BodyBudget["Type"]): Read<RollbackRequest> =>
  request.body === null && mediaType(request) === ""
    ? Effect.succeed({})
    : Effect.flatMap(json(request, { budget, limitBytes: REGISTRATION_BYTES }), decodeRollback)

/** The label in `/api/functions/:id/versions/:version`. */
export const readLabel = (version: string): Effect.Effect<VersionLabel, InvalidRequest> =>
  Effect.map(decodeLabel({ version }), (decoded) => decoded.version)

const invalid = (...violations: ReadonlyArray<Violation>) => new InvalidRequest({ violations })

const decoder = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknown(schema, { errors: "all", onExcessProperty: "error" })
  return (input: unknown): Effect.Effect<A, InvalidRequest> => {
    // No request has nearly so many. To complain about each of a million would hold up everything else.
    const fields = typeof input === "object" && input !== null ? Object.keys(input).length : 0
    if (fields > MOST_FIELDS)
      return invalid({ field: "body", message: `has ${fields} fields; the most are unknown` })
    return Effect.mapError(decode(input), (error) => new InvalidRequest({ violations: violationsOf(error) }))
  }
}
const decodeRegistration = decoder(RegisterFunction)
const decodeRollback = decoder(RollbackRequest)
const decodeLabel = decoder(Schema.Struct({ version: VersionLabel }))
const decodeUpload = decoder(DeployByUpload)
const decodeByPath = decoder(DeployByPath)

/** Which of the two it is follows from the field that is there: what is then wrong is said about that one only. */
const decodeDeployment = (input: unknown): Effect.Effect<DeployRequest, InvalidRequest> => {
  const has = (field: string) => typeof input === "object" && input !== null && Object.hasOwn(input, field)
  if (!has("bundle_path")) {
    return Effect.mapError(decodeUpload(input), ({ violations }) =>
      invalid(
        ...violations.map((violation) =>
          violation.field === "bundle" && !has("bundle")
            ? { ...violation, message: "is required (or bundle_path, for a bundle on the server's machine)" }
            : violation
        )
      )
    )
  }
  if (!has("bundle")) return decodeByPath(input)
  return invalid({ field: "bundle_path", message: "give either bundle or bundle_path, not both" })
}

const mediaType = (request: Request): string =>
  (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? ""

const bytesOf = (request: Request, { budget, limitBytes, option }: Room): Read<Uint8Array> =>
  Effect.gen(function* () {
    const body = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const declared = declaredLength(request.headers.get("content-length"))
        return new HeldBody(request, declared, limitBytes, budget)
      }),
      (held) => Effect.sync(() => held.giveBack())
    )
    const read =
      body.admit() ??
      (yield* Effect.tryPromise({
        try: () => body.read(),
        catch: () => invalid({ field: "body", message: "the body ended before all of it had come" })
      }))
    if (typeof read !== "string") return read
    return yield* read === "no_room"
      ? budget.refusal()
      : new PayloadTooLarge({
          what: "the request body",
          limitBytes,
          ...(option === undefined ? {} : { option })
        })
  })

const textOf = (bytes: Uint8Array, field: string): Effect.Effect<string, InvalidRequest> =>
  Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: field !== "body" }).decode(bytes),
    catch: () => invalid({ field, message: "is not UTF-8 text" })
  })

const json = (request: Request, room: Room): Read<unknown> =>
  Effect.gen(function* () {
    const type = mediaType(request)
    if (type !== "application/json") {
      return yield* invalid({
        field: "content-type",
        value: type.slice(0, 100),
        message: "send application/json"
      })
    }
    const text = yield* textOf(yield* bytesOf(request, room), "body")
    return yield* Effect.try({
      try: (): unknown => JSON.parse(text),
      catch: () => {
        const fault = findJsonFault(text)
        return invalid({
          field: "body",
          message:
            fault === null
              ? "is not JSON that can be read"
              : `is not JSON: line ${fault.line}, column ${fault.column}: ${fault.reason}`
        })
      }
    })
  })

/** A form as an object of texts, files included. Which fields there may be is the Schema's to say. */
const form = (request: Request, room: Room): Read<unknown> =>
  Effect.gen(function* () {
    const contentType = request.headers.get("content-type") ?? ""
    const bytes = yield* bytesOf(request, room)
    const parts = yield* Effect.tryPromise({
      try: () => new Response(new Blob([bytes]), { headers: { "content-type": contentType } }).formData(),
      catch: () =>
        invalid({ field: "body", message: "is not a form as its content type says (multipart/form-data)" })
    })
    const fields = new Map<string, string>()
    for (const [name, part] of parts) {
      if (fields.has(name))
        return yield* invalid({ field: name.slice(0, 100), message: "is there more than once" })
      if (typeof part === "string") fields.set(name, part)
      else {
        const content = yield* Effect.promise(() => part.arrayBuffer())
        fields.set(name, yield* textOf(new Uint8Array(content), name))
      }
    }
    return Object.fromEntries(fields)
  })
