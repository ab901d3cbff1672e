import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"
import { resolveConfig } from "./resolveConfig.ts"
import { mostDeployBytes } from "./ServerConfig.ts"

const MiB = 1024 * 1024
const faultsOf = async (env: Readonly<Record<string, string>>): Promise<ReadonlyArray<string>> => {
  const result = await Effect.runPromise(
    Effect.either(resolveConfig({ flags: { "data-dir": "/tmp", socket: "/tmp/x.sock" }, env, cwd: "/tmp" }))
  )
  return Either.isRight(result)
    ? []
    : result.left.violations.map(({ field, message }) => `${field}: ${message}`)
}
const buffered = (bytes: number) => ({ FUNCTIONS_MAX_BUFFERED_BYTES: String(bytes) })

describe("the room for all bodies together", () => {
  it("is large enough for the largest body of one request, or it could never be taken", async () => {
    const env = {
      FUNCTIONS_MAX_REQUEST_BYTES: String(30 * MiB),
      FUNCTIONS_MAX_BUNDLE_BYTES: String(MiB),
      ...buffered(30 * MiB - 1)
    }
    const [fault, ...others] = await faultsOf(env)
    expect(fault).toMatch(/^max_buffered_bytes: .*max_request_bytes = 31457280/)
    expect(others).toEqual([])
    expect(await faultsOf({ ...env, ...buffered(30 * MiB) })).toEqual([])
  })

  it("is large enough for the largest deployment", async () => {
    const env = { FUNCTIONS_MAX_BUNDLE_BYTES: String(100 * MiB) }
    const [fault, ...others] = await faultsOf({ ...env, ...buffered(mostDeployBytes(100 * MiB) - 1) })
    expect(fault).toMatch(
      new RegExp(`^max_buffered_bytes: .*${mostDeployBytes(100 * MiB)}.*max_bundle_bytes = 104857600`)
    )
    expect(others).toEqual([])
    expect(await faultsOf({ ...env, ...buffered(mostDeployBytes(100 * MiB)) })).toEqual([])
  })

  it("takes a frame of the socket in any case", async () => {
    expect(await faultsOf(buffered(16 * MiB - 1))).toEqual([
      "max_buffered_bytes: use a whole number from 16777216 to 68719476736"
    ])
  })
})
