import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeAll, afterAll, describe, expect, test } from "vitest"
import { bundleGuest } from "../../src/guest/bun/bundle.ts"
import { failedLoad } from "../support/failedLoad.ts"
import {
  functionFixture,
  type GuestOptions,
  GuestProcess,
  type GuestRuntime,
  guestRuntimes,
  useRuntime
} from "../support/GuestProcess.ts"

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bunbase-guest-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

type Fault = readonly [file: string, message: string, line: number | undefined, column: number | undefined]

/** What is said of a bundle with a mistake: each engine has its own words, and both know the place. */
const faults: Readonly<Record<GuestRuntime, ReadonlyArray<Fault>>> = {
  bun: [
    ["syntax-error.js", 'Expected ")"', 4, 1],
    ["duplicate-export.js", "Multiple exports", 3, 8],
    ["engine-syntax-error.js", "Invalid regular expression", undefined, undefined],
    ["throws-at-import.js", "TypeError: not configured", 3, 13],
    ["rejects-at-import.js", "no connection", 2, 26],
    ["throws-null-at-import.js", "null was thrown", undefined, undefined],
    ["throws-hostile-at-import.js", "was thrown", undefined, undefined],
    ["missing-import.js", "not-in-the-bundle", undefined, undefined],
    ["missing-export.js", "nothingOfThatName", undefined, undefined],
    ["binary.js", "", 1, 1]
  ],
  "quickjs-ng": [
    ["syntax-error.js", "Unexpected token '}'", 4, 1],
    ["duplicate-export.js", "redefinition", 4, 1],
    ["engine-syntax-error.js", "expecting ')'", 3, 16],
    ["throws-at-import.js", "TypeError: not configured", 3, 13],
    ["rejects-at-import.js", "no connection", 2, 26],
    ["throws-null-at-import.js", "null was thrown", undefined, undefined],
    ["throws-hostile-at-import.js", "was thrown", undefined, undefined],
    ["missing-import.js", "not-in-the-bundle", 2, 21],
    // Node's modules are none of this runtime's
    ["missing-export.js", "node:path", 2, 35],
    ["binary.js", "", 1, 1]
  ]
}

describe.each(guestRuntimes)("on %s", (runtime) => {
  useRuntime(runtime)

  describe("handlers", () => {
    test.each([
      ["a default function", { bundle: "valid/hello.js" }, "hello"],
      ["an async default function", { bundle: "valid/async-hello.js" }, "hello"],
      ["an object with fetch, as its method", { bundle: "valid/fetch-object.js" }, "from an object /p"],
      ["a named function", { bundle: "valid/named-handlers.js", handler: "first" }, "first"],
      ["a named object", { bundle: "valid/named-handlers.js", handler: "second" }, "second"],
      ["the default export before a named one", { bundle: "valid/hello.js", handler: "other" }, "hello"],
      ["after a top-level await", { bundle: "valid/slow-import.js" }, "loaded at last"]
    ])("%s", async (_name, { bundle, ...rest }: GuestOptions & { bundle: string }, text) => {
      const guest = await GuestProcess.ready({ bundle: functionFixture(bundle), ...rest })
      expect(await guest.response({ path: "/p" })).toMatchObject({ status: 200, text })
    })

    test.each([
      [
        "nothing to call",
        "invalid/no-handler.js",
        undefined,
        "the default export is a string, not a function or an object with a fetch method; it exports config, default"
      ],
      ["no exports", "invalid/empty.js", undefined, "there is no default export; it exports nothing"],
      [
        "no default",
        "valid/named-handlers.js",
        undefined,
        "there is no default export; it exports first, second, version"
      ],
      [
        "a name that is not there",
        "valid/named-handlers.js",
        "third",
        'there is no default export, nor is there a function "third"; it exports first'
      ],
      ["a name that is no function", "valid/named-handlers.js", "version", 'a function "version"']
    ])("NO_HANDLER: %s", async (_name, bundle, handler, message) => {
      const error = await failedLoad({
        bundle: functionFixture(bundle),
        ...(handler === undefined ? {} : { handler })
      })
      expect(error.code).toBe("NO_HANDLER")
      expect(error.message).toContain(message)
    })
  })

  describe("bundles that cannot be loaded", () => {
    test.each(faults[runtime])("BUNDLE_LOAD_ERROR: %s", async (name, message, line, column) => {
      const error = await failedLoad({ bundle: functionFixture(`invalid/${name}`) })
      expect(error.code).toBe("BUNDLE_LOAD_ERROR")
      expect(error.message).toContain(message)
      expect(error.message).not.toContain("src/guest")
      expect(error.stack ?? "").not.toContain("src/guest")
      expect({ line: error.line, column: error.column }).toEqual({ line, column })
    })

    test.each([
      ["a mistake", "const broken = ;", { bun: [4, 16], "quickjs-ng": [4, 16] }],
      [
        "one that only the engine sees",
        "const broken = /(/",
        { bun: [undefined, undefined], "quickjs-ng": [4, 16] }
      ]
    ])("BUNDLE_LOAD_ERROR: in a bundle that Bun takes as it is, %s", async (_name, mistake, places) => {
      const [line, column] = places[runtime]
      const bundle = join(folder, "engine.js")
      await writeFile(bundle, `// @bun\nexport default () => null\n\n${mistake}\n`)
      const error = await failedLoad({ bundle })
      expect({ code: error.code, line: error.line, column: error.column }).toEqual({
        code: "BUNDLE_LOAD_ERROR",
        line,
        column
      })
    })

    test("BUNDLE_LOAD_ERROR: a file that is not there", async () => {
      const error = await failedLoad({ bundle: join(folder, "nowhere.js") })
      expect(error.code).toBe("BUNDLE_LOAD_ERROR")
      expect(error.message).toContain("nowhere.js")
    })

    test("a bundle that never loads is never ready, but the guest lives and can be ended", async () => {
      const guest = await GuestProcess.start({ bundle: functionFixture("invalid/never-loads.js") })
      await guest.settled()
      expect(guest.messages.map(({ type }) => type)).toEqual(["pong"])
      guest.send({ id: "", type: "shutdown", payload: {} })
      expect(await guest.exit()).toBe(0)
    })
  })

  describe("surroundings", () => {
    test("only the given environment is visible, and none of the service's own variables", async () => {
      const env = {
        HOME: folder,
        TZ: "UTC",
        NODE_ENV: "production",
        BUNBASE_FUNCTION: "f",
        BUNBASE_VERSION: "v1",
        BUNBASE_RUNTIME: "bun",
        BUNBASE_INTERNAL: "secret",
        BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
        OWN: "own value"
      }
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/environment.js"), env })
      const seen = JSON.parse((await guest.response()).text)
      expect(seen.env).toEqual({
        PATH: process.env["PATH"],
        HOME: folder,
        TZ: "UTC",
        NODE_ENV: "production",
        BUNBASE_FUNCTION: "f",
        BUNBASE_VERSION: "v1",
        BUNBASE_RUNTIME: "bun",
        OWN: "own value"
      })
      expect(seen.bunEnv).toEqual({ bun: seen.env, "quickjs-ng": undefined }[runtime])
      expect(seen.atImport).toEqual(seen.env)
      const bundle = functionFixture("valid/environment.js")
      expect(seen.argv).toEqual({ bun: [process.execPath, bundle], "quickjs-ng": undefined }[runtime])
      expect(seen.bunArgv).toEqual(seen.argv)
    })

    test("with load, the message's environment takes the place of all but the documented set", async () => {
      const guest = await GuestProcess.ready({
        env: { HOME: folder, STALE: "of the generic worker", LANG: "C.UTF-8" }
      })
      const bundle = functionFixture("valid/environment.js")
      guest.send({
        id: "",
        type: "load",
        payload: {
          bundle_path: bundle,
          handler: "",
          env: { OWN: "1", LANG: "de_AT.UTF-8", BUNBASE_INTERNAL: "x" }
        }
      })
      await guest.next((message) => message.type === "ready" && guest.messages.indexOf(message) > 0)
      const seen = JSON.parse((await guest.response()).text)
      expect(seen.env).toEqual({ PATH: process.env["PATH"], HOME: folder, LANG: "de_AT.UTF-8", OWN: "1" })
      expect(seen.atImport).toEqual(seen.env)
      expect(seen.argv).toEqual({ bun: [process.execPath, bundle], "quickjs-ng": undefined }[runtime])
    })

    test("nothing in the working directory, in HOME or beside the bundle changes how it runs", async () => {
      const home = join(folder, "home")
      await mkdir(join(home, ".config"), { recursive: true })
      const preload = join(home, "preload.js")
      await writeFile(preload, "globalThis.preloaded = true")
      const bunfig = `preload = [${JSON.stringify(preload)}]\n[define]\nDEFINED = "1"\n[console]\ndepth = 9\n`
      await writeFile(join(home, ".env"), "LEAKED=1\n")
      await writeFile(join(home, ".env.production"), "LEAKED=1\n")
      await writeFile(join(home, ".bunfig.toml"), bunfig)
      await writeFile(join(home, ".config", ".bunfig.toml"), bunfig)
      await writeFile(join(home, "bunfig.toml"), bunfig)
      await writeFile(
        join(home, "tsconfig.json"),
        '{"compilerOptions":{"baseUrl":".","paths":{"alias":["./preload.js"]}}}'
      )
      await writeFile(join(home, "package.json"), '{"type":"commonjs","imports":{"#alias":"./preload.js"}}')
      await writeFile(
        join(home, "bundle.js"),
        `const tried = async (name) => import(name).then(() => "found", () => "not found")
       const seen = {
         leaked: process.env.LEAKED ?? null,
         preloaded: globalThis.preloaded ?? null,
         defined: typeof DEFINED,
         alias: await tried("alias"),
         installed: await tried("left-pad")
       }
       console.log({ a: { b: { c: { d: 1 } } } })
       export default () => Response.json(seen)`
      )
      for (const cwd of [home, folder]) {
        const guest = await GuestProcess.ready({
          bundle: join(home, "bundle.js"),
          cwd,
          env: { HOME: home, XDG_CONFIG_HOME: join(home, ".config"), NODE_ENV: "production" }
        })
        expect(JSON.parse((await guest.response()).text)).toEqual({
          leaked: null,
          preloaded: null,
          defined: "undefined",
          alias: "not found",
          installed: "not found"
        })
        expect(guest.logs("")[0]?.message).toContain("[Object ...]")
      }
    })

    test("a bundle may lie in a folder with an odd name, and be named relatively", async () => {
      const odd = join(folder, "a b#c%20d ü'\"$()")
      await mkdir(odd, { recursive: true })
      await cp(functionFixture("valid/hello.js"), join(odd, "bundle.js"))
      const guest = await GuestProcess.ready({ bundle: join(odd, "bundle.js") })
      expect(await guest.response()).toMatchObject({ text: "hello" })
      const relative = await GuestProcess.ready({ bundle: "bundle.js", cwd: odd })
      expect(await relative.response()).toMatchObject({ text: "hello" })
    })
  })
})

describe("on bun only", () => {
  // the native worker takes ES modules only; a deploy makes them
  test("CommonJS", async () => {
    const guest = await GuestProcess.ready({ bundle: functionFixture("valid/common.cjs") })
    expect(await guest.response({ path: "/p" })).toMatchObject({ status: 200, text: "common GET" })
  })

  // a function cannot end the process of the native worker
  test("a bundle that ends the process while it loads ends it", async () => {
    const guest = await GuestProcess.start({ bundle: functionFixture("invalid/exits-at-import.js") })
    expect(await guest.exit()).toBe(3)
    expect(guest.logs("")).toEqual([{ level: "info", message: "leaving" }])
  })

  // the native worker reads no source maps: its stacks have the bundle's places
  test("the place of an error is one of the bundle, also where a source map leads elsewhere", async () => {
    await writeFile(
      join(folder, "helper.ts"),
      "\n\n\nexport const fail = (a: number): never => {\n  throw new Error(`a${a}`)\n}\n"
    )
    await writeFile(
      join(folder, "mapped.ts"),
      'import { fail } from "./helper.ts"\nfail(1)\nexport default () => null\n'
    )
    const built = await Bun.build({
      entrypoints: [join(folder, "mapped.ts")],
      target: "bun",
      sourcemap: "inline",
      outdir: join(folder, "mapped")
    })
    const bundle = join(folder, "mapped", "mapped.js")
    const code = await (built.outputs[0] as Bun.BuildArtifact).text()
    const error = await failedLoad({ bundle })
    const line = code.split("\n").findIndex((text) => text.includes("throw new Error")) + 1
    expect(error).toMatchObject({ message: "a1", line })
    // the stack is the author's
    expect(error.stack).toContain("helper.ts:5:")
  })
})

describe("source maps", () => {
  test.each(["inline", "external", "linked"] as const)("of a thrown error's stack: %s", async (sourcemap) => {
    const source = join(folder, "thrower.ts")
    await writeFile(
      source,
      "interface Unused {\n  readonly a: string\n}\n\nexport default async (request: Request): Promise<Response> => {\n  await Promise.resolve<Unused | null>(null)\n  throw new Error(request.method)\n}\n"
    )
    await Bun.build({ entrypoints: [source], target: "bun", sourcemap, outdir: join(folder, sourcemap) })
    const guest = await GuestProcess.ready({ bundle: join(folder, sourcemap, "thrower.js") })
    const error = await guest.failure()
    expect(error.stack).toMatch(/thrower\.ts:7:\d+/)
  })
})

describe("the guest as one file", () => {
  test("does the same over every transport", async () => {
    const program = await bundleGuest(join(folder, "guest"))
    expect(await bundleGuest(join(folder, "guest"))).toBe(program)
    for (const transport of ["descriptor", "stdio"] as const) {
      const guest = await GuestProcess.ready({
        program,
        transport,
        bundle: functionFixture("valid/throws.js")
      })
      const error = await guest.failure({ path: "/error" })
      expect(error).toMatchObject({ code: "HANDLER_ERROR", message: "boom" })
      expect(error.stack).not.toContain(program)
      const failed = await GuestProcess.start({
        program,
        transport,
        bundle: functionFixture("invalid/syntax-error.js")
      })
      expect(await failed.next(({ type }) => type === "error")).toMatchObject({ payload: { line: 4 } })
      const printing = await GuestProcess.ready({
        program,
        transport,
        bundle: functionFixture("valid/prints.js")
      })
      await printing.response({ path: "/fd" })
      const id = printing.begin({ path: "/lines" })
      await printing.answer(id)
      expect(printing.logs(id)).toHaveLength(3)
      expect(printing.violations).toEqual([])
    }
  })
})
