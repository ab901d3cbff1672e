import { Effect, Either } from "effect"
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { DeploymentFailed } from "../domain/Errors.ts"
import { type BuildOptions, type Bundle, buildBundle } from "./Bundler.ts"

let folder = ""
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "bunbase-build-")))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const write = (files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

const attempt = (path: string, options?: BuildOptions): Promise<Either.Either<Bundle, DeploymentFailed>> =>
  Effect.runPromise(Effect.either(buildBundle(join(folder, path), options)))
const built = async (path: string, options?: BuildOptions): Promise<Bundle> =>
  Either.getOrThrowWith(await attempt(path, options), (error) => error)
const refused = async (path: string, options?: BuildOptions): Promise<DeploymentFailed> =>
  Either.getOrThrowWith(Either.flip(await attempt(path, options)), () => new Error("it was built"))

/** Runs a bundle as a worker would: from another place, with nothing around it. */
const load = async ({ code }: Bundle) => {
  const elsewhere = mkdtempSync(join(tmpdir(), "bunbase-load-"))
  try {
    const file = join(elsewhere, "bundle.mjs")
    writeFileSync(file, code)
    return (await import(file)) as { readonly default: (request: Request) => Response | Promise<Response> }
  } finally {
    rmSync(elsewhere, { recursive: true, force: true })
  }
}
const answer = async (bundle: Bundle) =>
  (await (await load(bundle)).default(new Request("http://localhost/"))).text()

const hello = "export default () => new Response('hello')\n"

describe("buildBundle", () => {
  it("puts everything that a file imports into one file", async () => {
    write({
      "index.ts": `
        import { greet, type Name } from "./lib/greet"
        import data from "./data.json"
        import page from "./page.html" with { type: "text" }
        import shout from "shout"
        enum Mark { Full = "!" }
        export default async (req: Request): Promise<Response> => {
          const name: Name = "you"
          const { lazy } = await import("./lib/lazy.ts")
          return new Response([greet(name), data.n, page, shout("x"), lazy, Mark.Full, __dirname].join("|"))
        }`,
      "lib/greet.ts": "export type Name = string\nexport const greet = (name: Name) => `hello ${name}`",
      "lib/lazy.ts": "export const lazy = 'later'",
      "data.json": `{ "n": 7 }`,
      "page.html": "<p>",
      "node_modules/shout/package.json": `{ "name": "shout", "main": "main.js" }`,
      "node_modules/shout/main.js": "module.exports = (text) => text.toUpperCase() + process.env.NODE_ENV"
    })
    const bundle = await built("index.ts")
    expect(await answer(bundle)).toBe("hello you|7|<p>|Xproduction|later|!|/")
    expect(bundle.exports).toEqual(["default"])
    expect(bundle.sizeBytes).toBe(Buffer.byteLength(bundle.code))
    expect(bundle.inputs).toEqual([
      "data.json",
      "index.ts",
      "lib/greet.ts",
      "lib/lazy.ts",
      "node_modules/shout/main.js",
      "page.html"
    ])
  })

  it("leaves Bun's built-in modules outside", async () => {
    write({
      "f.ts": `import { Database } from "bun:sqlite"\nimport { sep } from "node:path"
               export default () => new Response(typeof Database + sep)`
    })
    expect(await answer(await built("f.ts"))).toBe("function/")
  })

  it("lets optional imports be missing", async () => {
    write({
      "f.js": `let fast = null
               try { fast = require("not-installed") } catch {}
               export default () => new Response(String(fast))`
    })
    expect(await answer(await built("f.js"))).toBe("null")
  })

  it("makes the same bytes in every folder and from every folder, without a path of this machine", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [
        `lib/part${i}.ts`,
        `const local = ${i}\nexport const part${i} = () => { throw new Error("part " + local + __filename) }`
      ])
    )
    write({
      ...files,
      "package.json": `{ "name": "many" }`,
      "src/index.ts": `${Object.keys(files)
        .map((file, i) => `import { part${i} } from "../${file}"`)
        .join("\n")}
        export default () => new Response([${Object.keys(files).map((_, i) => `part${i}`)}].length + "")`
    })
    const first = await built("src/index.ts")
    const copy = mkdtempSync(join(tmpdir(), "bunbase-copy-"))
    const before = process.cwd()
    try {
      cpSync(folder, join(copy, "deeper/down"), { recursive: true })
      process.chdir(join(copy, "deeper"))
      const second = await Effect.runPromise(buildBundle(join(copy, "deeper/down/src/index.ts")))
      process.chdir("/")
      const third = await built("src/index.ts")
      expect(second).toEqual(first)
      expect(third).toEqual(first)
    } finally {
      process.chdir(before)
      rmSync(copy, { recursive: true, force: true })
    }
    for (const text of [first.code, first.sourceMap]) {
      expect(text).not.toContain(folder)
      expect(text).not.toContain(tmpdir().slice(1))
      expect(text).not.toContain("debugId")
    }
    expect(JSON.parse(first.sourceMap).sources).toContain("lib/part0.ts")
  })

  it("maps the bundle back to its sources", async () => {
    write({ "index.ts": "type A = 1\n\n\nexport default () => { throw new Error('mapped') }\n" })
    const { code, sourceMap } = await built("index.ts")
    const map = JSON.parse(sourceMap)
    expect(map).toMatchObject({ version: 3, file: "bundle.js", sources: ["index.ts"] })
    expect(map.sourcesContent[0]).toContain("type A = 1")
    // one group of mappings for each line of code, up to the last that has any
    expect(map.mappings.split(";").length).toBeLessThanOrEqual(code.split("\n").length)
  })

  describe("for QuickJS-NG", () => {
    it("prefers what a package has for engines without Node.js", async () => {
      write({
        "f.ts": `import where from "dual"\nexport default () => new Response(where)`,
        "node_modules/dual/package.json": `{ "name": "dual", "exports": { "node": "./node.js", "browser": "./web.js", "default": "./node.js" } }`,
        "node_modules/dual/node.js": `export default "node"`,
        "node_modules/dual/web.js": `export default "web"`
      })
      expect(await answer(await built("f.ts", { runtime: "quickjs-ng" }))).toBe("web")
      expect(await answer(await built("f.ts"))).toBe("node")
    })

    it("refuses the modules of Bun and Node.js, wherever they are imported", async () => {
      write({
        "f.ts": `import "dep"\nimport { readFile } from "node:fs/promises"\nexport default () => readFile`,
        "node_modules/dep/package.json": `{ "name": "dep", "main": "i.js" }`,
        "node_modules/dep/i.js": `\n\nmodule.exports = require("crypto")`
      })
      const error = await refused("f.ts", { runtime: "quickjs-ng" })
      expect(error.stage).toBe("import")
      expect(error.message).toMatch(/f\.ts:2:26: "node:fs\/promises" is a module of Bun and Node\.js/)
      expect(error.message).toMatch(/i\.js:3:26: "crypto" is a module of Bun and Node\.js/)
    })
  })

  describe("reports", () => {
    it("every unresolvable import, with file, line and column", async () => {
      write({
        "f.ts": `import { a } from "./missing"\nimport pad from "left-pad"\nimport "./g"\nexport default [a, pad]`,
        "g.ts": `\nexport * from "@scope/name/deep"\nrequire("./h")`,
        "h.js": `import("not-there-either")`
      })
      const error = await refused("f.ts")
      expect(error).toMatchObject({ stage: "import", file: join(folder, "f.ts"), line: 1, column: 19 })
      const lines = error.message.replaceAll(`${folder}/`, "").split("\n")
      expect(lines).toEqual([
        `f.ts:1:19: cannot find "./missing"`,
        `f.ts:2:17: cannot find "left-pad"; if it is a package, install it: npm install left-pad`,
        `g.ts:2:15: cannot find "@scope/name/deep"; if it is a package, install it: npm install @scope/name`,
        `h.js:1:8: cannot find "not-there-either"; if it is a package, install it: npm install not-there-either`
      ])
    })

    it("syntax errors of several files, and missing imports with them", async () => {
      write({
        "f.ts": `import "./a"\nimport "./b"\nimport "nowhere-to-be-found"`,
        "a.ts": "export const a = 1\nlet y = ;\n",
        "b.ts": "class B {\n  #x; #x\n}\n"
      })
      const error = await refused("f.ts")
      expect(error).toMatchObject({ stage: "syntax", file: join(folder, "a.ts"), line: 2, column: 9 })
      const lines = error.message.replaceAll(`${folder}/`, "").split("\n")
      expect(lines[0]).toBe("a.ts:2:9: Unexpected ;")
      expect(lines[1]).toBe('b.ts:2:7: "#x" has already been declared')
      expect(lines[2]).toMatch(/^f\.ts:3:8: cannot find "nowhere-to-be-found"/)
    })

    it("an import of a name that is not exported", async () => {
      write({ "f.ts": `import { b } from "./g"\nexport default b`, "g.ts": "export const a = 1" })
      expect(await refused("f.ts")).toMatchObject({ stage: "syntax", line: 1, column: 10 })
    })

    it.each([
      ["https://example.com/a.js", "URLs"],
      ["node:nonsense", "unknown built-ins"]
    ])("an import of %s", async (specifier) => {
      write({ "f.ts": `export default 1\nimport "${specifier}"` })
      expect(await refused("f.ts")).toMatchObject({ stage: "import", line: 2, column: 8 })
    })

    it.each(["logo.png", "style.css", "page.html", "native.node", "data.sqlite", "code.wasm", "data.bin"])(
      "an import of %s, which cannot be code",
      async (name) => {
        write({
          [name]: name === "style.css" ? "p {}" : "x",
          "f.ts": `\nimport x from "./${name}"\nexport default () => x`
        })
        const error = await refused("f.ts")
        expect(error).toMatchObject({ stage: "import", line: 2, column: 15 })
        expect(error.reason).toContain(`"./${name}"`)
      }
    )
  })
})

describe("findEntry", () => {
  it("takes the first of a folder's candidates", async () => {
    write({ "handler.js": hello.replace("hello", "handler.js") })
    expect(await answer(await built("."))).toBe("handler.js")
    write({ "function.mjs": hello.replace("hello", "function.mjs") })
    expect(await answer(await built("."))).toBe("function.mjs")
    write({ "index.js": hello.replace("hello", "index.js") })
    expect(await answer(await built("."))).toBe("index.js")
    write({ "index.ts": hello.replace("hello", "index.ts") })
    expect(await answer(await built("."))).toBe("index.ts")
    write({ "package.json": `{ "main": "not-built-yet.js" }` })
    expect(await answer(await built("."))).toBe("index.ts")
    write({ "package.json": `{ "main": "lib/m.js" }`, "lib/m.js": hello.replace("hello", "main") })
    expect(await answer(await built("."))).toBe("main")
    write({
      "package.json": `{ "main": "lib/m.js", "module": "./lib/e.js" }`,
      "lib/e.js": hello.replace("hello", "module")
    })
    expect(await answer(await built("."))).toBe("module")
  })

  it("says what it looked for", async () => {
    write({ "package.json": `{ "main": "dist/index.js" }`, "other.ts": hello })
    const error = await refused(".")
    expect(error.stage).toBe("bundle")
    expect(error.reason).toContain("dist/index.js (main of package.json)")
    expect(error.reason).toContain("index, function, handler with .ts")
  })

  it.each([
    ["a missing file", "missing.ts", "no such file"],
    ["a file below a file", "f.ts/index.ts", "no such file"],
    ["an empty file", "empty.ts", "the file is empty"],
    ["a file with nothing but space", "space.ts", "the file is empty"],
    ["another kind of file", "notes.txt", "not a TypeScript or JavaScript file"],
    ["a loop of symbolic links", "loop.ts", "leads back to itself"],
    ["a link to nothing", "dangling.ts", "no such file"],
    ["a broken package.json", "broken", "not valid JSON"],
    ["a path beyond bounds", "x".repeat(300), "too long"]
  ])("refuses %s", async (_, path, words) => {
    write({
      "f.ts": hello,
      "empty.ts": "",
      "space.ts": " \n\t\n",
      "notes.txt": "x",
      "broken/package.json": "{"
    })
    symlinkSync("loop2.ts", join(folder, "loop.ts"))
    symlinkSync("loop.ts", join(folder, "loop2.ts"))
    symlinkSync("nowhere.ts", join(folder, "dangling.ts"))
    const error = await refused(path)
    expect(error.stage).toBe("bundle")
    expect(error.message).toContain(words)
    expect(error.line).toBeUndefined()
  })

  it("follows symbolic links", async () => {
    write({
      "real/index.ts": `import { a } from "./a"\nexport default () => new Response(a)`,
      "real/a.ts": `export const a = "linked"`
    })
    symlinkSync("real/index.ts", join(folder, "link.ts"))
    symlinkSync("real", join(folder, "folder"))
    expect(await answer(await built("link.ts"))).toBe("linked")
    expect(await answer(await built("folder"))).toBe("linked")
    expect(await built("folder")).toEqual(await built("real"))
  })
})
