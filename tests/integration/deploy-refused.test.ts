import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { buildBundle } from "../../src/build/Bundler.ts"
import { connectSocket, type FunctionsClient, FunctionsError } from "../../src/client/index.ts"
import { Effect } from "effect"
import { deploy, deployRefused, getFunction, problemOf, register, serve } from "../support/Api.ts"
import { guestRuntimes } from "../support/GuestProcess.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/** What a refused deployment says, to the letter, on real workers; over HTTP and over the socket. */

const good = "export default () => new Response('good')\n"
const folder = mkdtempSync(join(tmpdir(), "bunbase-refused-"))
let server: TestServer
let client: FunctionsClient
beforeAll(async () => {
  server = await startServer({ flags: ["--startup-timeout-seconds", "2"] })
  client = await connectSocket(server.socketPath)
})
afterAll(async () => {
  await client.close()
  await server.dispose()
  rmSync(folder, { recursive: true, force: true })
})

interface Refusal {
  readonly what: string
  readonly code: string
  readonly says: string
  readonly line?: number
  readonly column?: number
}

const neither = 'there is no default export, nor is there a function "handler"'
const refusals: ReadonlyArray<Refusal> = [
  {
    what: "a syntax error",
    code: "export default () => {\n  return new Response('x' }",
    says: 'bundle.js:2:27: Expected ")" but found "}"\nbundle.js:2:27: Unexpected end of file',
    line: 2,
    column: 27
  },
  {
    what: "an import that is not in the bundle",
    code: "export default () => new Response(x)\nimport x from 'left-pad'",
    says: `bundle.js:2:15: "left-pad" is imported but not part of the bundle; only Bun's built-in modules (bun:*, node:*) may be left out`,
    line: 2,
    column: 15
  },
  {
    what: "an import from outside",
    code: "\n\nexport { default } from 'https://example.com/x.js'",
    says: `bundle.js:3:25: "https://example.com/x.js" is imported but not part of the bundle; only Bun's built-in modules (bun:*, node:*) may be left out`,
    line: 3,
    column: 25
  },
  { what: "no handler", code: "export const other = 1", says: `${neither}; it exports other` },
  { what: "no exports", code: "console.log(1)", says: `${neither}; it exports nothing` },
  {
    what: "a handler that is no function",
    code: "export default 42",
    says: 'the default export is a number, not a function or an object with a fetch method, nor is there a function "handler"'
  },
  {
    what: "a throw at the top level",
    code: "const a = 1\n\nif (a) throw new Error('broken at load')\nexport default () => a",
    says: "bundle.js:3:18: broken at load",
    line: 3,
    column: 18
  },
  {
    what: "a rejection at the top level",
    code: "\nawait Promise.reject(new TypeError('no connection'))\nexport default () => 1",
    says: "bundle.js:2:26: TypeError: no connection",
    line: 2,
    column: 26
  },
  {
    what: "a text that is thrown",
    code: "throw 'some words'\nexport default () => 1",
    says: '"some words" was thrown at the top level'
  },
  {
    what: "an exit at load",
    code: "process.exit(3); export default () => 1",
    says: "the worker exited with code 3 before it was ready"
  },
  {
    what: "a top level that never ends",
    code: "await new Promise(() => {}); export default () => 1",
    says: "the worker was not ready within 2000 ms; its code may be waiting for something, or be busy, at the top level"
  }
]

/** What the server has logged of a version as a warning or worse, once it is deployed: the log is in order. */
const complaints = async (name: string, version: string): Promise<ReadonlyArray<string>> => {
  await server.printed(new RegExp(` ${name}@${version} deployed$`))
  return server
    .output()
    .split("\n")
    .filter((line) => /^\S+ (?:WARN|ERROR) /.test(line) && line.includes(` ${name}@${version} `))
}

const left = (says: string, outcome: string) => `${says}${says.includes("\n") ? "\n" : "; "}${outcome}`

describe.each(refusals)("FN_005: $what", ({ code, column, line, says, what }) => {
  const name = `r-${refusals.findIndex((one) => one.what === what)}`

  it("says what and where, leaves the active version serving, and logs it once", async () => {
    await serve(server, name, good)
    const problem = await deployRefused(server, name, "v2", code)
    expect(problem).toEqual({
      type: "urn:bunbase:problem:FN_005",
      title: "Deployment failed",
      status: 422,
      code: "FN_005",
      retryable: false,
      detail: left(says, `nothing was deployed; version v1 of ${name} still serves`),
      ...(line === undefined ? {} : { file: "bundle.js", line, column })
    })
    expect(await (await fetch(`${server.url}/functions/${name}`)).text()).toBe("good")
    expect((await getFunction(server, name)).active_version).toBe("v1")
    // The label is free again: the mended code can take it.
    await deploy(server, name, "v2", "export default () => new Response('mended')")
    expect(await (await fetch(`${server.url}/functions/${name}`)).text()).toBe("mended")
    expect(await complaints(name, "v2")).toHaveLength(1)
  })

  it("says the same over the socket, also of a first deployment", async () => {
    await client.register({ name: `${name}-first` })
    const refusal = await client
      .deploy(`${name}-first`, { version: "v1", bundle: code })
      .catch((error) => error)
    expect(refusal).toBeInstanceOf(FunctionsError)
    expect(refusal).toMatchObject({
      code: "FN_005",
      message: left(says, "nothing was deployed"),
      file: line === undefined ? null : "bundle.js",
      line: line ?? null,
      column: column ?? null
    })
  })
})

it("FN_005 is logged once also where several workers are to be kept ready", async () => {
  await register(server, "several", { warm_workers: 3 })
  await deployRefused(server, "several", "v1", "throw new Error('no')")
  await deploy(server, "several", "v1", good)
  expect(await complaints("several", "v1")).toHaveLength(1)
})

describe.each(guestRuntimes)(
  "FN_005: an error at the top level of a bundle with a source map, on %s",
  (runtime) => {
    const mapped = `mapped-${runtime}`
    const unmapped = `unmapped-${runtime}`

    it("is told at its place in the sources", async () => {
      writeFileSync(
        join(folder, "settings.ts"),
        "interface Settings {\n  readonly key: string\n}\n\nexport const read = (env: string | undefined): Settings => {\n  if (env === undefined) throw new Error('KEY is not set')\n  return { key: env }\n}\n"
      )
      writeFileSync(
        join(folder, "index.ts"),
        'import { read } from "./settings.ts"\n\nconst { key } = read(process.env.KEY)\nexport default () => new Response(key)\n'
      )
      const { code, sourceMap } = await Effect.runPromise(buildBundle(folder, { runtime }))
      await register(server, mapped, { runtime })
      const request = { version: "v1", bundle: code, sourceMap }
      const refusal = await client.deploy(mapped, request).catch((error) => error)
      const place = { file: "settings.ts", line: 6, column: 36 }
      expect(refusal).toMatchObject({
        message: "settings.ts:6:36: KEY is not set; nothing was deployed",
        ...place
      })
      const response = await fetch(`${server.url}/api/functions/${mapped}/deploy`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ version: "v1", bundle: code, source_map: sourceMap })
      })
      expect(await problemOf(response)).toMatchObject({
        detail: "settings.ts:6:36: KEY is not set; nothing was deployed",
        ...place
      })
      await deploy(server, mapped, "v1", good)
      expect(await complaints(mapped, "v1")).toEqual([
        expect.stringMatching(/ not deployed: settings\.ts:6:36: KEY is not set$/),
        expect.stringMatching(/ not deployed: settings\.ts:6:36: KEY is not set$/)
      ])
    })

    // Bun's engine keeps no place for a failed import
    const importing = { bun: null, "quickjs-ng": { file: "index.ts", line: 6, column: 35 } }[runtime]
    it("is told at its place in the sources where it is an import that only shows at load", async () => {
      const source = join(folder, `importing-${runtime}`)
      mkdirSync(source)
      writeFileSync(
        join(source, "index.ts"),
        "interface Texts {\n  readonly hello: string\n}\n\nconst name: string = ['.', 'texts.js'].join('/')\nconst texts: Texts = await import(name)\nexport default () => new Response(texts.hello)\n"
      )
      const { code, sourceMap } = await Effect.runPromise(buildBundle(source, { runtime }))
      await register(server, `importing-${runtime}`, { runtime })
      const request = { version: "v1", bundle: code, sourceMap }
      const refusal = await client.deploy(`importing-${runtime}`, request).catch((error) => error)
      expect(refusal).toMatchObject({
        code: "FN_005",
        message: expect.stringContaining("texts.js"),
        ...(importing ?? { file: null, line: null, column: null })
      })
    })

    it("is told at its place in the bundle where the map says nothing or is none", async () => {
      const throwing = "throw new Error('no')\nexport default () => 1"
      await register(server, unmapped, { runtime })
      for (const sourceMap of ["{}", "no map", '{"version":3,"sources":[],"names":[],"mappings":""}']) {
        const request = { version: "v1", bundle: throwing, sourceMap }
        const refusal = await client.deploy(unmapped, request).catch((error) => error)
        expect(refusal).toMatchObject({ file: "bundle.js", line: 1, column: 11 })
      }
    })
  }
)

describe("FN_005: a handler that was named beside a default export", () => {
  const both = "export const main = () => new Response('main')\nexport default () => new Response('default')"
  const hidden =
    'the handler "main" would never be called, because the default export comes first; take the default export away, ' +
    'or make it "main", or register the function without naming a handler'

  it("is refused, because the default export comes first", async () => {
    await register(server, "hidden", { handler: "main" })
    expect((await deployRefused(server, "hidden", "v1", both)).detail).toBe(`${hidden}; nothing was deployed`)
    const nowhere = await deployRefused(server, "hidden", "v1", good)
    expect(nowhere.detail).toBe(`${hidden}; nothing was deployed`)
    // What the refusal offers, in turn.
    await deploy(
      server,
      "hidden",
      "v1",
      "export const main = () => new Response('main')\nexport default main"
    )
    await deploy(server, "hidden", "v2", "export const main = () => new Response('only')\nexport default 42")
    expect(await (await fetch(`${server.url}/functions/hidden`)).text()).toBe("only")
    await register(server, "unhidden", { handler: "main" })
    await register(server, "unhidden")
    await deploy(server, "unhidden", "v1", both)
    expect(await (await fetch(`${server.url}/functions/unhidden`)).text()).toBe("default")
  })

  it("is no choice where it is the name that everybody has", async () => {
    await register(server, "usual", { handler: "handler" })
    await deploy(server, "usual", "v1", both.replace("main =", "handler ="))
    expect(await (await fetch(`${server.url}/functions/usual`)).text()).toBe("default")
  })
})

describe("FN_005: a bundle on this machine", () => {
  const byPath = async (bundle_path: string) =>
    await problemOf(
      await fetch(`${server.url}/api/functions/by-path/deploy`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ version: "v1", bundle_path })
      })
    )

  it("that is not there, is a folder, is empty, or leads out of its folder", async () => {
    await register(server, "by-path")
    const [empty, link] = [join(folder, "empty.js"), join(folder, "link.js")]
    writeFileSync(empty, "")
    symlinkSync("/etc/hostname", link)
    for (const [path, says] of [
      [join(folder, "nothing.js"), "there is no such bundle"],
      [folder, "the bundle is a folder; name the file in it"],
      [empty, "the bundle is empty"],
      [link, "the bundle is a symbolic link that leads out of its folder"]
    ] as const) {
      expect(await byPath(path)).toMatchObject({
        code: "FN_005",
        status: 422,
        file: path,
        detail: `${path}: ${says}; nothing was deployed`
      })
    }
    await deploy(server, "by-path", "v1", good)
    expect(await complaints("by-path", "v1")).toHaveLength(4)
  })
})
