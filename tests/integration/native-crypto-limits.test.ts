import { describe, expect, test } from "vitest"
import { bundleOf, goesOn, native } from "../support/HardenedWorker.ts"

describe("PBKDF2 on a native worker", () => {
  const derive = (params: string, bytes: number) =>
    bundleOf(`const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"])
      const given = { name: "PBKDF2", hash: "SHA-512", salt: new Uint8Array(8), iterations: 1, ${params} }
      try {
        return new Response(String((await crypto.subtle.deriveBits(given, key, ${bytes} * 8)).byteLength))
      } catch (error) {
        return new Response(error.name)
      }`)

  test.each([
    ["many iterations", "iterations: 10_000_001", 64, "OperationError"],
    ["a long result of many iterations", "iterations: 1_000_000", 64 * 60, "OperationError"],
    ["a last piece that is not whole", "iterations: 5_000_000", 64 * 2 + 1, "OperationError"],
    ["a long salt for each piece of a long result", "salt: new Uint8Array(1e6)", 64 * 1300, "OperationError"],
    ["what takes no time", "iterations: 1_000", 64 * 60, String(64 * 60)]
  ])("is bounded in all that it does at once: %s", async (_name, params, bytes, expected) => {
    const guest = await native(derive(params, bytes))
    expect(await guest.response()).toMatchObject({ text: expected })
    await goesOn(guest)
  })
})

describe("the private keys of a native worker", () => {
  test("are not seen by what a function puts on Object.prototype", async () => {
    const bundle = bundleOf(`const seen = []
      const names = ["privateKey", "publicKey", "state", "target", "read", "written"]
      for (const name of names)
        Object.defineProperty(Object.prototype, name, { configurable: true, set: (value) => seen.push(name) })
      const { subtle } = crypto
      const ecdsa = { name: "ECDSA", namedCurve: "P-256" }
      const pair = await subtle.generateKey(ecdsa, true, ["sign", "verify"])
      const key = await subtle.exportKey("jwk", pair.privateKey)
      await subtle.importKey("jwk", key, ecdsa, true, ["sign"])
      await subtle.generateKey("Ed25519", false, ["sign", "verify"])
      for (const name of names) delete Object.prototype[name]
      return new Response([key.d.length, ...seen].join())`)
    const guest = await native(bundle)
    expect((await guest.response()).text).toBe("43")
    await goesOn(guest)
  })
})
