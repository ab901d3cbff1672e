import { describe, expect, test } from "vitest"
import { bundleOf, goesOn, native } from "../support/HardenedWorker.ts"

describe("a native worker near its memory limit", () => {
  const cyclic = "for (let i = 0; i < 400_000; i++) { const a = { i }; a.a = a }"

  test("collects cyclic garbage before the limit is reached, however much lives", async () => {
    const bundle = bundleOf(
      `${cyclic}
      return new Response("done")`,
      "const live = []; for (let i = 0; i < 180_000; i++) live.push({ a: i, b: [i] })"
    )
    const guest = await native(bundle, 64)
    for (let round = 0; round < 3; round += 1) expect(await guest.response()).toMatchObject({ text: "done" })
    await goesOn(guest)
  })

  test.each([
    ["typed arrays", "new Uint8Array(40 << 20)"],
    ["resizable buffers", "new ArrayBuffer(1, { maxByteLength: 50 << 20 })", "a.b.resize(40 << 20)"],
    ["shared buffers", "new SharedArrayBuffer(40 << 20)"],
    ["texts", `"x".repeat(40 << 20)`],
    ["texts made of parts", `["x".repeat(12 << 20), "y".repeat(6 << 20)].join("-")`],
    ["JSON", `JSON.stringify(["x".repeat(12 << 20), "y"])`],
    ["what a library's function makes", `new TextEncoder().encode("ü".repeat(10 << 20))`],
    ["decoded bytes", `atob("AAAA".repeat(6 << 20))`]
  ])("makes room for large ones of which the last is garbage: %s", async (_name, make, then = "") => {
    const bundle = bundleOf(`for (let i = 0; i < 6; i++) {
        const a = { b: ${make} }
        a.a = a
        ${then}
      }
      return new Response("done")`)
    const guest = await native(bundle, 64)
    expect(await guest.response()).toMatchObject({ text: "done" })
    await goesOn(guest)
  })

  test("refuses at once what could not fit, and goes on where that is caught", async () => {
    const bundle = bundleOf(`let caught = 0
      for (let i = 0; i < 1_000; i++) try { new Uint8Array(1e9) } catch { caught++ }
      return new Response(String(caught))`)
    const guest = await native(bundle, 64)
    expect(await guest.response()).toMatchObject({ text: "1000" })
    await goesOn(guest)
  })
})
