import { Effect } from "effect"
import { constants } from "node:fs"
import { open, realpath } from "node:fs/promises"
import { dirname, relative, resolve } from "node:path"
import { DeploymentFailed, InvalidRequest, PayloadTooLarge } from "../domain/Errors.ts"
import type { DeployRequest } from "../protocol/Management.ts"
import { describeFault, faultCode } from "./StorageFault.ts"

/** A bundle as it came in: the exact bytes, which are what is stored and hashed, and their text. */
export interface Bundle {
  readonly bytes: Uint8Array
  readonly text: string
  readonly sourceMap: string | null
  /** Of the bytes, lower-case hex. The source map is no part of a version's identity. */
  readonly sha256: string
}

export const sha256Of = (bytes: Uint8Array): string =>
  new Bun.CryptoHasher("sha256").update(bytes).digest("hex")

type ReadFailure = DeploymentFailed | InvalidRequest | PayloadTooLarge

// A map repeats the sources and adds their positions.
const mapFactor = 4
/** What raises both limits. */
const option = "max_bundle_bytes"

/** Reads the bundle that a caller sent or named. `limitBytes` holds for the bundle, four times as much for its map. */
export const readBundle = (request: DeployRequest, limitBytes: number): Effect.Effect<Bundle, ReadFailure> =>
  "bundle" in request
    ? sent(request.bundle, request.source_map ?? null, limitBytes)
    : named(request.bundle_path, limitBytes)

const sent = (
  code: string,
  sourceMap: string | null,
  limitBytes: number
): Effect.Effect<Bundle, ReadFailure> =>
  Effect.suspend((): Effect.Effect<Bundle, ReadFailure> => {
    const bytes = new TextEncoder().encode(code)
    if (bytes.length > limitBytes) return new PayloadTooLarge({ what: "the bundle", limitBytes, option })
    if (sourceMap !== null && Buffer.byteLength(sourceMap) > limitBytes * mapFactor) {
      return new PayloadTooLarge({ what: "the source map", limitBytes: limitBytes * mapFactor, option })
    }
    return bundleOf(bytes, sourceMap)
  })

const named = (given: string, limitBytes: number): Effect.Effect<Bundle, ReadFailure> =>
  Effect.gen(function* () {
    const wrong = (message: string) =>
      new InvalidRequest({ violations: [{ field: "bundle_path", value: given, message }] })
    if (given === "" || given.includes("\0")) return yield* wrong("use the path of a bundle on this machine")
    // Where it leads depends on links on the way: the caller can say the place itself.
    if (given.split("/").includes("..")) return yield* wrong("use a path without '..'")

    const path = resolve(given)
    const bytes = yield* readRegularFile(path, limitBytes, "the bundle")
    if (bytes === null) {
      return yield* new DeploymentFailed({ stage: "bundle", reason: "there is no such bundle", file: given })
    }
    const map = yield* readRegularFile(`${path}.map`, limitBytes * mapFactor, "the source map")
    return yield* bundleOf(bytes, map === null ? null : new TextDecoder().decode(map), given)
  })

const bundleOf = (
  bytes: Uint8Array,
  sourceMap: string | null,
  file?: string
): Effect.Effect<Bundle, DeploymentFailed> => {
  const fault = (reason: string) =>
    new DeploymentFailed({ stage: "bundle", reason, ...(file === undefined ? {} : { file }) })
  if (bytes.length === 0) return fault("the bundle is empty")
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return Effect.succeed({ bytes, text, sourceMap, sha256: sha256Of(bytes) })
  } catch {
    return fault("the bundle is not text in UTF-8; deploy the JavaScript that the bundler wrote")
  }
}

const inside = (path: string, folder: string) => {
  const way = relative(folder, path)
  return way !== ".." && !way.startsWith("../")
}

interface Read {
  /** Null: there is no such file. */
  readonly bytes?: Uint8Array | null
  readonly tooLarge?: true
  readonly fault?: string
}

/** The content of a regular file, or null where there is none. A link must not lead out of the folder that it lies in. */
const readRegularFile = (
  path: string,
  limitBytes: number,
  what: string
): Effect.Effect<Uint8Array | null, ReadFailure> =>
  Effect.promise(() => tryToRead(path, limitBytes)).pipe(
    Effect.flatMap(({ bytes, fault, tooLarge }): Effect.Effect<Uint8Array | null, ReadFailure> => {
      if (tooLarge) return new PayloadTooLarge({ what, limitBytes, option })
      if (fault !== undefined) {
        return new DeploymentFailed({ stage: "bundle", reason: `${what} ${fault}`, file: path })
      }
      return Effect.succeed(bytes ?? null)
    })
  )

const tryToRead = async (path: string, limitBytes: number): Promise<Read> => {
  try {
    const folder = await realpath(dirname(path))
    const target = await realpath(path)
    if (!inside(target, folder)) return { fault: "is a symbolic link that leads out of its folder" }
    // Not through a link that appears meanwhile, and not waiting for the other end of a pipe.
    const handle = await open(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const facts = await handle.stat()
      if (facts.isDirectory()) return { fault: "is a folder; name the file in it" }
      if (!facts.isFile()) return { fault: "is not a regular file" }
      if (facts.size > limitBytes) return { tooLarge: true }
      const bytes: Uint8Array = await handle.readFile()
      return bytes.length > limitBytes ? { tooLarge: true } : { bytes }
    } finally {
      await handle.close()
    }
  } catch (cause) {
    const code = faultCode(cause)
    if (code === "ENOENT" || code === "ENOTDIR") return { bytes: null }
    return { fault: `cannot be read: ${describeFault(cause).reason}` }
  }
}
