import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { cli, cliEnvironment, newFolder, plainPath, program } from "../support/Cli.ts"

let folder: ReturnType<typeof newFolder>
beforeEach(() => {
  folder = newFolder()
})
afterEach(() => folder.remove())

const write = (files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true })
    writeFileSync(join(folder.path, name), text)
  }
}
const bunbase = (...args: ReadonlyArray<string>) => cli(args, { cwd: folder.path })
const read = (name: string) => readFileSync(join(folder.path, name), "utf8")

describe("fn init", () => {
  it("writes a function that builds and answers", async () => {
    const made = await bunbase("fn", "init", "hello")
    expect(made).toMatchObject({ code: 0, stderr: "" })
    expect(made.stdout).toContain("wrote hello/index.ts")
    expect(made.stdout).toContain("bunbase fn deploy hello ./hello\n")
    expect(await bunbase("fn", "build", "hello", "--outdir", "out")).toMatchObject({ code: 0, stderr: "" })
    const { default: handler } = (await import(join(folder.path, "out/bundle.js"))) as {
      default: (req: Request) => Promise<Response>
    }
    expect(await (await handler(new Request("http://localhost/?name=Ada"))).json()).toMatchObject({
      message: "Hello, Ada!"
    })
    expect((await handler(new Request("http://localhost/", { method: "POST" }))).status).toBe(405)
  })

  it("never writes over a file, unless it is told to", async () => {
    write({ "hello/index.ts": "mine" })
    const refused = await bunbase("fn", "init", "hello")
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain("hello/index.ts is there already")
    expect(refused.stderr).toContain("--force")
    expect(read("hello/index.ts")).toBe("mine")
    expect((await bunbase("fn", "init", "hello", "--force")).code).toBe(0)
    expect(read("hello/index.ts")).toContain("export default")
  })

  it("writes where it is told, for the runtime that it is told", async () => {
    const made = await bunbase("fn", "init", "tiny", "--dir", "functions/tiny", "--runtime", "quickjs-ng")
    expect(made.stdout).toContain("bunbase fn deploy tiny ./functions/tiny --runtime quickjs-ng")
    expect(read("functions/tiny/index.ts")).toContain("quickjs-ng")
  })

  it("prints next commands that work as they are typed, from where it was called", async () => {
    const type = async (line: string, env: Readonly<Record<string, string>>) => {
      const shell = Bun.spawn(["sh", "-c", line], {
        cwd: folder.path,
        env: cliEnvironment(env),
        stdio: ["ignore", "pipe", "pipe"]
      })
      const [out, code] = await Promise.all([new Response(shell.stdout).text(), shell.exited])
      return { out, code }
    }
    const bin = dirname(program)
    const way = relative(folder.path, program)
    for (const [typed, path, expected] of [
      [program, plainPath, new RegExp(`^ {2}(${way}|${program}) fn `, "m")],
      ["bunbase", `${bin}:${plainPath}`, /^ {2}bunbase fn /m]
    ] as const) {
      const { out } = await type(`${typed} fn init odd --dir 'my functions' --force`, { PATH: path })
      const line = /^ {2}(.*) fn deploy odd (.*)$/m.exec(out)
      expect(out).toMatch(expected)
      expect(line?.[2]).toBe("'./my functions'")
      // Nothing listens there: but it was found, and what it was given is its source.
      const built = await type(`${line?.[1]} fn build ${line?.[2]} --outdir out`, { PATH: path })
      expect(built.code).toBe(0)
    }
  })

  it("refuses names that no function can have, and folders that cannot be made", async () => {
    for (const name of ["Hello", "a_b", "../up", "", "-x"]) {
      const { code, stderr } = await bunbase("fn", "init", "--", name)
      expect({ name, code }).toEqual({ name, code: 2 })
      expect(stderr).toContain("cannot be a function's name")
    }
    write({ file: "" })
    const { code, stderr } = await bunbase("fn", "init", "hello", "--dir", "file")
    expect(code).toBe(1)
    expect(stderr).toContain("--dir")
    expect(stderr).not.toMatch(/\n\s+at /)
  })
})

describe("fn build", () => {
  it("writes the bundle and its source map", async () => {
    write({
      "f.ts": `import { b } from "./b"\nexport default () => new Response(b)`,
      "b.ts": "export const b: string = 'b'"
    })
    const built = await bunbase("fn", "build", "f.ts")
    expect(built).toMatchObject({ code: 0, stderr: "" })
    expect(built.stdout).toMatch(/^dist\/bundle\.js {2}\d+ B from 2 files\n$/)
    expect(JSON.parse(read("dist/bundle.js.map")).sources).toEqual(expect.arrayContaining(["b.ts", "f.ts"]))
  })

  it("prints JSON", async () => {
    write({ "f.ts": "export default () => new Response('x')" })
    const { stdout } = await bunbase("fn", "build", "f.ts", "--json", "--outdir", "out")
    const sha256 = new Bun.CryptoHasher("sha256").update(read("out/bundle.js")).digest("hex")
    expect(JSON.parse(stdout)).toEqual({
      bundle: "out/bundle.js",
      source_map: "out/bundle.js.map",
      size_bytes: read("out/bundle.js").length,
      sha256,
      inputs: ["f.ts"],
      exports: ["default"]
    })
  })

  it("warns of a bundle without a handler, and knows the handler's name", async () => {
    write({ "f.ts": "export const other = () => new Response('x')" })
    const { code, stderr } = await bunbase("fn", "build", "f.ts")
    expect(code).toBe(0)
    expect(stderr).toContain('neither a default handler nor "handler"')
    expect((await bunbase("fn", "build", "f.ts", "--handler", "other")).stderr).toBe("")
  })

  it("reports every error with file, line and column", async () => {
    write({
      "f.ts": `import "./a"\nimport "./lib/b"\nimport "left-pad"`,
      "a.ts": "export const a = 1\nlet y = ;\n",
      "lib/b.ts": "const q = 1\nconst q = 2\n"
    })
    const { code, stderr, stdout } = await bunbase("fn", "build", "f.ts")
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
    expect(stderr.split("\n")).toEqual([
      "error: f.ts cannot be built: it has 3 errors",
      "  - a.ts:2:9: Unexpected ;",
      expect.stringMatching(/^ {2}- f\.ts:3:8: cannot find "left-pad"; .*npm install left-pad$/),
      '  - lib/b.ts:2:7: "q" has already been declared',
      expect.stringContaining("mend the lines"),
      ""
    ])
    expect(existsSync(join(folder.path, "dist"))).toBe(false)
  })

  it("refuses what the runtime does not have", async () => {
    write({ "f.ts": `export default 1\nimport "node:fs"` })
    expect((await bunbase("fn", "build", "f.ts")).code).toBe(0)
    const { code, stderr } = await bunbase("fn", "build", "f.ts", "--runtime", "quickjs-ng")
    expect(code).toBe(1)
    expect(stderr).toContain('  - f.ts:2:8: "node:fs" is a module of Bun and Node.js')
  })

  it.each([
    ["missing.ts", "missing.ts: there is no such file or folder"],
    ["empty.ts", "empty.ts: the file is empty"],
    ["notes.txt", "notes.txt: this is not a TypeScript or JavaScript file"],
    ["nothing", "nothing: this folder has no file to begin with"],
    ["loop.ts", "loop.ts: this is a symbolic link that leads back to itself"]
  ])("says what is wrong with %s", async (path, words) => {
    write({ "empty.ts": " \n", "notes.txt": "x", "nothing/readme.md": "x" })
    symlinkSync("loop.ts", join(folder.path, "loop.ts"))
    const { code, stderr } = await bunbase("fn", "build", path)
    expect(code).toBe(1)
    expect(stderr).toContain(`error: ${words}`)
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  it("says when it cannot write", async () => {
    write({ "f.ts": "export default 1", dist: "a file" })
    const { code, stderr } = await bunbase("fn", "build", "f.ts")
    expect(code).toBe(1)
    expect(stderr).toContain("cannot write to dist")
    expect(stderr).toContain("--outdir")
  })
})
