import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { functionFixture, type GuestOptions, GuestProcess } from "../support/GuestProcess.ts"

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bunbase-native-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const started = (options: GuestOptions) => GuestProcess.start({ runtime: "quickjs-ng", ...options })
const ready = (options: GuestOptions) => GuestProcess.ready({ runtime: "quickjs-ng", ...options })
const bundleOf = async (name: string, source: string): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, source)
  return path
}

describe("a native worker's host that goes", () => {
  test("at any byte of a line, in any state: the worker ends with 0", async () => {
    const load = `${JSON.stringify({ id: "", type: "load", payload: { bundle_path: functionFixture("valid/hello.js"), handler: "", env: {} } })}\n`
    const invoke = `${JSON.stringify({ id: "i", type: "invoke", payload: { method: "POST", path: "/", url: "/ü", headers: {}, query: {}, body: "aGk=" } })}\n`
    const bytes = Buffer.from(load + invoke)
    const cuts = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => i * 7)
    for (const cut of [...cuts, bytes.length]) {
      const guest = await started({})
      guest.expect("i")
      guest.sendRaw(bytes.subarray(0, cut))
      guest.hangUp()
      expect({ cut, exit: await guest.exit() }).toEqual({ cut, exit: 0 })
      expect(guest.violations).toEqual([])
      expect(guest.stderr).toBe("")
    }
  })
})

describe("a native worker's modules", () => {
  test("know their URL, and import what lies in the bundle's folder, once", async () => {
    await mkdir(join(folder, "parts"), { recursive: true })
    await writeFile(
      join(folder, "parts", "one.js"),
      "globalThis.count = (globalThis.count ?? 0) + 1\nexport const one = import.meta.url"
    )
    const bundle = await bundleOf(
      "imports ü.js",
      `import { one } from "./parts/one.js"
       export default async () => {
         const again = await import("./parts/../parts/one.js")
         const own = await import(import.meta.url)
         return Response.json([import.meta.url, one, again.one, typeof own.default, globalThis.count])
       }`
    )
    const guest = await ready({ bundle })
    expect(JSON.parse((await guest.response()).text)).toEqual([
      Bun.pathToFileURL(bundle).href,
      Bun.pathToFileURL(join(folder, "parts", "one.js")).href,
      Bun.pathToFileURL(join(folder, "parts", "one.js")).href,
      "function",
      1
    ])
  })

  test.each([
    ["Node's", "node:fs", "there are no Node or Bun modules"],
    ["the library's own", "bunbase:core", "there are no Node or Bun modules"],
    ["a package", "left-pad", "there are no Node or Bun modules"],
    ["a file outside of the bundle's folder", "/etc/passwd", "outside of the bundle's folder"],
    ["a file above it", "../../../../../../../../etc/passwd", "outside of the bundle's folder"],
    ["a file that is not there", "./nowhere.js", "Cannot find module"],
    ["a URL of the network", "https://example.com/x.js", "there are no Node or Bun modules"]
  ])("refuse %s, and the function can catch it", async (_name, specifier, message) => {
    const bundle = await bundleOf(
      "refused.js",
      `export default async () => {
         try { await import(${JSON.stringify(specifier)}); return new Response("imported") }
         catch (error) { return new Response(error.message) }
       }`
    )
    const guest = await ready({ bundle })
    expect((await guest.response()).text).toContain(message)
  })

  test("have nothing of the machine: no files, no processes, no sockets, no modules of the engine", async () => {
    const bundle = await bundleOf(
      "globals.js",
      `export default () => Response.json({
         process: Object.keys(process),
         there: ["Bun", "require", "module", "std", "os", "bjson", "native", "scriptArgs", "print", "__loadScript"]
           .filter((name) => name in globalThis)
       })`
    )
    const guest = await ready({ bundle })
    expect(JSON.parse((await guest.response()).text)).toEqual({ process: ["env"], there: [] })
  })
})

describe("a native worker's function without the capability eval", () => {
  const source = `
    const ways = {
      eval: () => eval("1"),
      indirect: () => (0, eval)("1"),
      Function: () => new Function("return 1")(),
      called: () => Function("return 1")(),
      constructor: () => (() => {}).constructor("return 1")(),
      async: () => (async () => {}).constructor("return 1")(),
      generator: () => (function* () {}).constructor("yield 1")(),
      asyncGenerator: () => (async function* () {}).constructor("yield 1")()
    }
    export default () => {
      const said = {}
      for (const [name, way] of Object.entries(ways)) {
        try { way(); said[name] = "ran" } catch (error) { said[name] = error.name }
      }
      return Response.json([said, (() => {}) instanceof Function])
    }`

  test.each([
    [false, "EvalError"],
    [true, "ran"],
    [undefined, "ran"]
  ])("eval: %s", async (may, outcome) => {
    const bundle = await bundleOf("evaluates.js", source)
    const guest = await ready({})
    guest.send({
      id: "",
      type: "load",
      payload: { bundle_path: bundle, handler: "", env: {}, capabilities: { eval: may } }
    })
    const [said, isFunction] = JSON.parse((await guest.response()).text)
    expect(new Set(Object.values(said))).toEqual(new Set([outcome]))
    expect(isFunction).toBe(true)
  })

  test("an uncaught refusal is PERMISSION_DENIED, an EvalError of the function's own is not", async () => {
    const bundle = await bundleOf(
      "refused.js",
      `export default async (request) => {
        if (request.url.endsWith("/own")) throw new EvalError("mine")
        if (request.url.endsWith("/later")) await null
        return new Function("return 1")()
      }`
    )
    const guest = await ready({})
    const capabilities = { eval: false }
    guest.send({ id: "", type: "load", payload: { bundle_path: bundle, handler: "", env: {}, capabilities } })
    const codes = []
    for (const path of ["/", "/later", "/own"]) codes.push((await guest.failure({ path })).code)
    expect(codes).toEqual(["PERMISSION_DENIED", "PERMISSION_DENIED", "HANDLER_ERROR"])
  })
})
