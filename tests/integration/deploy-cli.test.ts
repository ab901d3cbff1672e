import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { getFunction, register } from "../support/Api.ts"
import { cli } from "../support/Cli.ts"
import { cliSession } from "../support/CliSession.ts"

/** `fn deploy` where something is wrong: what it says to the letter, and what it leaves. */

const session = cliSession()
const { write } = session
const bySocket = (): ReadonlyArray<string> => ["--socket", session.server.socketPath]
const byUrl = (): ReadonlyArray<string> => ["--url", session.server.url]
const deploy = async (args: ReadonlyArray<string>, where = bySocket()) =>
  await cli(["fn", "deploy", ...args, ...where], { cwd: session.folder })
/** A deployment that fails; its words. */
const refused = async (args: ReadonlyArray<string>, where = bySocket()): Promise<string> => {
  const { code, stderr, stdout } = await deploy(args, where)
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
  return stderr
}
const call = async (name: string): Promise<string> =>
  await (await fetch(`${session.server.url}/functions/${name}`)).text()

const KEPT =
  "the name is registered with these settings; deploy again once it is mended, with flags for what is to change"
const greeting = "export default () => new Response(process.env.GREETING ?? 'none')\n"
const throwing =
  "interface A {\n  a: number\n}\n\nconst x: A = { a: 1 }\nif (x.a) throw new Error('not today')\n"

describe.each([
  ["the socket", "s", bySocket],
  ["HTTP", "h", byUrl]
] as const)("a first deployment that fails, over %s", (_, mark, where) => {
  it("keeps the settings that were given, and says so: the mended code is deployed on them without any flag", async () => {
    const name = `kept-${mark}`
    const source = write(`${name}.ts`, throwing)
    const flags = ["--memory-mb", "64", "--timeout-seconds", "7", "--env", "GREETING=hi"]
    expect(await refused([name, source, ...flags], where())).toBe(
      `error: FN_005: ${name}.ts:6:20: not today\n  nothing was deployed; ${KEPT}\n`
    )
    const settings = { memory_mb: 64, timeout_seconds: 7, env: ["GREETING"] }
    expect(await getFunction(session.server, name)).toMatchObject({ ...settings, state: "REGISTERED" })
    write(source, greeting)
    expect(await deploy([name, source], where())).toMatchObject({ code: 0, stderr: "" })
    expect(await getFunction(session.server, name)).toMatchObject({ ...settings, active_version: "v1" })
    expect(await call(name)).toBe("hi")
  })

  it("burns no name: the same command without the mistake goes through", async () => {
    const name = `burned-${mark}`
    const source = write(`${name}.ts`, `${greeting}export const main = () => new Response("main")\n`)
    const flags = ["--env", "GREETING=hi", "--handler", "mian"]
    const hidden =
      'error: FN_005: the handler "mian" would never be called, because the default export comes first; take the default ' +
      'export away, or make it "mian", or register the function without naming a handler\n  nothing was deployed; ' +
      `${KEPT}\n`
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await refused([name, source, ...flags], where())).toBe(hidden)
      expect(await getFunction(session.server, name)).toMatchObject({
        handler: "mian",
        env: ["GREETING"],
        state: "REGISTERED"
      })
    }
    const mended = [name, source, "--env", "GREETING=hi"]
    expect(await deploy(mended, where())).toMatchObject({ code: 0, stderr: "" })
    expect(await call(name)).toBe("hi")
  })

  it("the flags of the next attempt hold", async () => {
    const name = `mended-${mark}`
    const source = write(`${name}.ts`, throwing)
    const [first, second] = [
      ["--env", "GREETING=one", "--memory-mb", "64"],
      ["--env", "GREETING=two"]
    ]
    expect(await refused([name, source, ...first], where())).toBe(
      `error: FN_005: ${name}.ts:6:20: not today\n  nothing was deployed; ${KEPT}\n`
    )
    write(source, greeting)
    const mended = await deploy([name, source, ...second], where())
    expect(mended).toMatchObject({ code: 0, stderr: "" })
    expect(await call(name)).toBe("two")
    expect(await getFunction(session.server, name)).toMatchObject({ memory_mb: 256, env: ["GREETING"] })
  })
})

describe("a function that was registered and never deployed", () => {
  it("keeps its settings when the command line says nothing of them", async () => {
    await register(session.server, "kept", { env: { GREETING: "kept" }, memory_mb: 64 })
    const broken = write("kept.ts", throwing)
    expect(await refused(["kept", broken])).toContain("kept.ts:6:20: not today")
    write("kept.ts", greeting)
    expect(await deploy(["kept", broken])).toMatchObject({ code: 0 })
    expect(await call("kept")).toBe("kept")
    expect(await getFunction(session.server, "kept")).toMatchObject({ memory_mb: 64 })
  })

  it("takes other ones, and the command says which variables went", async () => {
    await register(session.server, "taken", { env: { GREETING: "old", OTHER: "1" } })
    const { code, stdout } = await deploy(["taken", write("taken.ts", greeting), "--env", "GREETING=new"])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^registered taken \(func-\w+\) on bun; it no longer has OTHER\n/)
    expect(await call("taken")).toBe("new")
  })

  it("keeps the settings that a failed deployment brought", async () => {
    await register(session.server, "brought", { memory_mb: 64, timeout_seconds: 2 })
    const source = write("brought.ts", throwing)
    expect(await refused(["brought", source, "--memory-mb", "32"])).toContain(
      `not today\n  nothing was deployed; ${KEPT}`
    )
    expect(await getFunction(session.server, "brought")).toMatchObject({ memory_mb: 32, timeout_seconds: 30 })
  })
})

describe("a function in force", () => {
  it("is deployed with flags that agree with it; those that do not are named, and no value is shown", async () => {
    const source = write("force.ts", greeting)
    const flags = ["--env", "GREETING=secret-1", "--env", "OTHER=secret-2", "--memory-mb", "64"]
    expect(await deploy(["force", source, ...flags])).toMatchObject({ code: 0 })
    write("force.ts", `${greeting}// changed\nexport const more = 1\n`)
    for (const agreeing of [flags, ["--env", "GREETING=secret-1"], ["--memory-mb", "64"]]) {
      for (const where of [bySocket(), byUrl()]) {
        expect(await deploy(["force", source, ...agreeing], where)).toMatchObject({ code: 0, stderr: "" })
      }
    }
    const other = ["--env", "GREETING=secret-3", "--env", "NEW=secret-4", "--env", "OTHER=secret-2"]
    for (const where of [bySocket(), byUrl()]) {
      expect(await refused(["force", source, ...other, "--memory-mb", "32"], where)).toBe(
        [
          'error: "force" is deployed already, with other settings; nothing was deployed',
          "  - --memory-mb: it is 64, not 32",
          "  - --env NEW: it has no such variable",
          "  - --env GREETING: it has another value",
          "  leave these flags out, or deploy under another name",
          ""
        ].join("\n")
      )
    }
    expect(await call("force")).toBe("secret-1")
  })

  it("still serves, and the failure says so: whether the build or the server found it", async () => {
    const source = write("serving.ts", greeting)
    expect(await deploy(["serving", source])).toMatchObject({ code: 0 })
    const serves = "nothing was deployed; version v1 of serving still serves"
    write("serving.ts", throwing)
    expect(await refused(["serving", source])).toBe(
      `error: FN_005: serving.ts:6:20: not today\n  ${serves}\n`
    )
    write("serving.ts", "export default () => {\n  return ;;;)\n}\n")
    expect(await refused(["serving", source])).toBe(
      [
        "error: serving.ts cannot be built: it has an error",
        "  - serving.ts:2:13: Unexpected )",
        `  ${serves}; mend the lines above and try again`,
        ""
      ].join("\n")
    )
    write(
      "serving.ts",
      'import x from "./nowhere.ts"\nimport y from "left-pad"\nexport default () => x + y\n'
    )
    expect(await refused(["serving", source])).toBe(
      [
        "error: serving.ts cannot be built: it has 2 errors",
        '  - serving.ts:1:15: cannot find "./nowhere.ts"',
        '  - serving.ts:2:15: cannot find "left-pad"; if it is a package, install it: npm install left-pad',
        `  ${serves}; mend the lines above and try again`,
        ""
      ].join("\n")
    )
    expect(await refused(["serving", "nowhere.ts"])).toBe(
      `error: nowhere.ts: there is no such file or folder\n  ${serves}\n`
    )
    expect(await call("serving")).toBe("none")
  })
})

describe("--json", () => {
  it("tells a failure as one object on stderr, with the fields of the service's problem; stdout stays empty", async () => {
    const source = write("json.ts", throwing)
    for (const where of [bySocket(), byUrl()]) {
      const { code, stderr, stdout } = await deploy(["json", source, "--json", "--memory-mb", "64"], where)
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
      expect(JSON.parse(stderr)).toEqual({
        error: {
          code: "FN_005",
          title: "Deployment failed",
          status: 422,
          detail: "json.ts:6:20: not today; nothing was deployed",
          retryable: false,
          file: "json.ts",
          line: 6,
          column: 20,
          message: "FN_005: json.ts:6:20: not today",
          next: `nothing was deployed; ${KEPT}`,
          exit_code: 1
        }
      })
    }
  })

  it("so also where the build fails, an argument is wrong, or no server is there", async () => {
    const error = async (...args: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await cli(["fn", ...args, "--json"], { cwd: session.folder })
      expect(stdout).toBe("")
      return { code, ...(JSON.parse(stderr) as { error: object }) }
    }
    const source = write("unbuilt.ts", "export default () => {\n  return ;;;)\n}\n")
    expect(await error("build", source)).toMatchObject({
      code: 1,
      error: { code: "FN_005", line: 2, column: 13, details: ["unbuilt.ts:2:13: Unexpected )"], exit_code: 1 }
    })
    expect(await error("list", "--frob")).toEqual({
      code: 2,
      error: {
        message: "bunbase fn list has no flag --frob",
        next: expect.stringContaining("bunbase fn list --help"),
        exit_code: 2
      }
    })
    expect(await error("list", "--socket", join(session.folder, "none.sock"))).toMatchObject({
      code: 3,
      error: { message: expect.stringContaining("none.sock"), exit_code: 3 }
    })
    expect(await error("get", "nobody", ...bySocket())).toMatchObject({
      code: 1,
      error: { code: "FN_001", status: 404, retryable: false }
    })
  })
})

describe("a source without a name", () => {
  it.each([
    ["./shop", "shop"],
    ["shop", "shop"],
    ["shop/index.ts", "shop"],
    ["My Hook.ts", "my-hook"],
    ["./nowhere.ts", "nowhere"],
    ["/", "my-function"]
  ])("%s: says that NAME is missing, and the line to type", async (source, name) => {
    write("shop/index.ts", greeting)
    write("My Hook.ts", greeting)
    const { code, stderr, stdout } = await deploy([source])
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    const [what, next] = stderr.split("\n")
    expect(what).toBe(
      `error: bunbase fn deploy needs NAME before FILE|FOLDER: "${source}" is a source, and what the function is to be called is missing`
    )
    expect(next).toMatch(/^ {2}for example: \S+ fn deploy /)
    expect(next?.split(" fn deploy ")[1]).toBe(`${name} ${source.includes(" ") ? `'${source}'` : source}`)
  })

  it("is not made of a name without a source", async () => {
    const { code, stderr } = await deploy(["just-a-name"])
    expect(code).toBe(2)
    expect(stderr).toContain("bunbase fn deploy needs FILE|FOLDER: the function's source")
  })
})
