// Code from text, modules of the machine, the server's environment (CP-029 to CP-033).
import { confined, profile } from "../capabilities/fetching.ts"
import { check, holds, problemOf } from "../check.ts"
import { casesOf } from "../define.ts"
import { tryDeploy } from "../lifecycle/gated.ts"

const { add, all: codeFromTextCases, each } = casesOf("capabilities", ["http"])
export { codeFromTextCases }

/** `/WAY` makes code from text in this way; `/caught/WAY` catches what that throws and lives on. */
const WAYS = `const text = "return 42"
const ways = {
  eval: () => eval("6 * 7"),
  indirect: () => (0, eval)("6 * 7"),
  call: () => eval.call(null, "6 * 7"),
  reflect: () => Reflect.apply(globalThis["ev" + "al"], null, ["6 * 7"]),
  Function: () => Function(text)(),
  new: () => new Function(text)(),
  construct: () => Reflect.construct(Function, [text])(),
  subclass: () => new (class extends Function {})(text)(),
  constructor: () => ({}).constructor.constructor(text)(),
  prototype: () => Object.getPrototypeOf(() => {}).constructor(text)(),
  bound: () => Function.bind(null, text)()(),
  async: () => (async () => {}).constructor(text)(),
  generator: () => (function* () {}).constructor("yield 42")().next().value,
  asyncGenerator: async () => (await (async function* () {}).constructor("yield 42")().next()).value
}
export default async (request) => {
  const [first, second] = new URL(request.url).pathname.slice(1).split("/")
  if (first === "list") return Response.json(Object.keys(ways))
  if (first !== "caught") return new Response(String(await ways[first]()))
  try {
    return new Response(String(await ways[second]()))
  } catch (error) {
    return new Response(error instanceof EvalError ? "EvalError" : String(error))
  }
}`

add(
  "ways",
  "No way of the language makes code from text without the grant, and each of them with it; a denial can be caught",
  ["CP-029", "CP-030"],
  { traits: ["quickjs-ng"], timeoutMs: 40_000 },
  async (bench) => {
    const settings = { source: WAYS, max_workers: 1 }
    const denied = [
      null,
      profile("strict", { eval: true }),
      profile("custom"),
      profile("custom", { domains: ["a"] })
    ]
    const list = (await (await confined(bench, null, settings)).http("/list")).json() as ReadonlyArray<string>
    holds("there are no ways", list.length > 10)
    for (const capabilities of denied) {
      const fn = await confined(bench, capabilities, settings)
      const requirement = capabilities?.["profile"] === "custom" ? "CP-030" : "CP-029"
      for (const way of list) {
        const response = await fn.http(`/${way}`)
        const became = { status: response.status, code: response.header("x-function-error") }
        check(
          `${way} on ${JSON.stringify(capabilities)}`,
          { status: 403, code: "FN_009" },
          became,
          new Map(),
          [requirement]
        )
        problemOf(response)
        check(`${way}, caught`, "EvalError", (await fn.http(`/caught/${way}`)).text(), new Map(), [
          requirement
        ])
      }
    }
    for (const capabilities of [profile("custom", { eval: true }), profile("permissive")]) {
      const fn = await confined(bench, capabilities, settings)
      for (const way of list) {
        check(`${way} where it is granted`, "42", (await fn.http(`/${way}`)).text(), new Map(), ["CP-030"])
      }
    }
  }
)

add(
  "at-the-top",
  "Code from text at the top level refuses the deployment where it is not granted, whatever the way",
  ["CP-031", "CP-030"],
  { traits: ["quickjs-ng"] },
  async ({ server }) => {
    const answer = "export default () => new Response(String(value))"
    const bundles = [
      `const value = eval("42"); ${answer}`,
      `const value = new Function("return 42")(); ${answer}`,
      `const value = await (async () => {}).constructor("return 42")(); ${answer}`,
      `class A { static value = (0, eval)("42") }; const { value } = A; ${answer}`
    ]
    for (const capabilities of [profile("strict"), profile("custom"), profile("custom", { eval: true })]) {
      const name = server.name()
      await server.register({ name, runtime: "quickjs-ng", capabilities })
      for (const [n, bundle] of bundles.entries()) {
        const response = await tryDeploy(server, name, `v${n}`, bundle)
        const isGranted = capabilities["eval"] === true
        const became = { status: response.status, code: response.header("x-function-error") ?? null }
        const expected = isGranted ? { status: 200, code: null } : { status: 422, code: "FN_005" }
        check(`the deployment of ${bundle}`, expected, became, new Map(), [isGranted ? "CP-030" : "CP-031"])
      }
    }
  }
)

const MODULES = [
  ...["fs", "node:fs", "node:fs/promises", "path/../fs", "child_process", "node:child_process", "node:net"],
  ...["node:dgram", "node:tls", "node:http", "node:worker_threads", "node:cluster", "bun", "bun:ffi"],
  ...["bun:sqlite", "std", "os", "qjs:std", "qjs:os", "bunbase:core", "/etc/hostname", "file:///etc/hostname"]
]

add(
  "modules",
  "No module for files, programs or sockets can be imported on quickjs-ng, whatever the profile and the way",
  ["CP-032"],
  { traits: ["quickjs-ng"], timeoutMs: 40_000 },
  async ({ server }) => {
    const everything = profile("custom", { domains: ["localhost"], eval: true })
    for (const capabilities of [profile("strict"), everything, profile("permissive")]) {
      const name = server.name()
      await server.register({ name, runtime: "quickjs-ng", capabilities })
      for (const module of MODULES) {
        const bundle = `import * as it from ${JSON.stringify(module)}; export default () => new Response(typeof it)`
        const response = await tryDeploy(server, name, "v1", bundle)
        const became = { status: response.status, code: response.header("x-function-error") }
        check(`a bundle that imports ${module}`, { status: 422, code: "FN_005" }, became)
      }
      for (const bundle of ["export * from 'node:fs'", "await import('node:fs')", "import 'node:fs'"]) {
        const more = `${bundle}; export default () => new Response("there")`
        check(`the deployment of ${bundle}`, 422, (await tryDeploy(server, name, "v1", more)).status)
      }
      // what is tried is let through, and is not there when it is run
      const tries = `export default async () => {
        for (const name of ${JSON.stringify(MODULES)}) {
          try { await import(name); return new Response(name) } catch {}
        }
        return new Response("none")
      }`
      await server.expectDeployed(name, "v1", tries)
      check("what a function could import", "none", (await server.http(`/functions/${name}`)).text())
    }
  }
)

/** What a worker is given, beside the function's own variables. */
const GIVEN = ["LANG", "TZ", "NODE_ENV", "BUNBASE_RUNTIME", "BUNBASE_FUNCTION", "BUNBASE_VERSION"]
const GIVEN_ON_BUN = [...GIVEN, "PATH", "HOME", "TMPDIR"]

each(
  "environment",
  "Nothing of the server's environment but TZ is in a function's, while it is loaded, when it is called, or beside it",
  ["CP-033"],
  { traits: ["own"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const mark = `of-the-server-${Math.random().toString(36).slice(2)}`
    const server = await bench.own({
      env: {
        SERVER_SECRET: mark,
        FUNCTIONS_API_KEY: `key-${mark}`,
        LANG: mark,
        NODE_ENV: mark,
        HOME: `/nowhere/${mark}`,
        BUNBASE_MARK: mark,
        BUN_MARK: mark,
        PATH: `${process.env["PATH"] ?? ""}:/nowhere/${mark}`,
        TZ: "Asia/Tokyo"
      }
    })
    const source = `const atLoad = { ...process.env }
      const inProcess = async () => {
        try {
          const name = "node:fs"
          const { readFileSync } = await import(name)
          return readFileSync("/proc/self/environ", "latin1")
        } catch { return "" }
      }
      const inBun = () => globalThis.Bun === undefined ? {} : { ...Bun.env, ...import.meta.env }
      export default async () => {
        // a runtime may have names without values, for its own switches
        const names = Object.getOwnPropertyNames(process.env).filter((name) => process.env[name] !== undefined)
        return Response.json({ atLoad, now: { ...process.env }, names, beside: await inProcess(), bun: inBun() })
      }`
    const settings = { runtime, max_workers: 1, env: { OWN: "mine" } }
    const functions = [
      await server.fn({ ...settings, source }),
      await server.fn({ ...settings, source, isolation: "invocation" })
    ]
    for (const fn of functions) {
      for (let n = 0; n < 2; n += 1) {
        const { status, text } = await fn.call("/")
        check("the status", 200, status)
        holds("a value of the server's environment is there", !text.includes(mark), text)
        const { atLoad, names, now } = JSON.parse(text) as {
          readonly atLoad: Readonly<Record<string, string>>
          readonly now: Readonly<Record<string, string>>
          readonly names: ReadonlyArray<string>
        }
        check("its own variable", { OWN: "mine" }, now)
        check("its own variable while it is loaded", { OWN: "mine" }, atLoad)
        const given = runtime === "bun" ? GIVEN_ON_BUN : GIVEN
        const more = [...names, ...Object.keys(atLoad)].filter(
          (name) => name !== "OWN" && !given.includes(name)
        )
        check("variables of nobody's making", [], more)
      }
    }
  }
)
