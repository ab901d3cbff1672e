import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { failedLoad } from "../support/failedLoad.ts"
import { GuestProcess, guestRuntimes, useRuntime } from "../support/GuestProcess.ts"

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-imports-"))
  writeFileSync(join(folder, "names.js"), "export const a = 1\n")
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Case {
  readonly name: string
  /** The bundle; its last line is a handler. */
  readonly code: ReadonlyArray<string>
  readonly says: string
  /** Of the specifier, or of the name that is not there: on quickjs-ng. Bun's engine does not tell it. */
  readonly place: readonly [line: number, column: number]
}

const cases: ReadonlyArray<Case> = [
  {
    name: "a module without a path, named in comments before",
    code: ['// from "left-pad"', '/* import pad from "left-pad" */ import pad from "left-pad"'],
    says: "left-pad",
    place: [2, 50]
  },
  {
    name: "a file that is not there, in a list of several lines after a text that reads the same",
    code: ["const text = 'import \"./gone.js\"'", "import {", "  a,", "  b as c", '} from "./gone.js"'],
    says: "./gone.js",
    place: [5, 8]
  },
  {
    name: "for its effects, on the first line",
    code: [' import "./gone.js"'],
    says: "./gone.js",
    place: [1, 9]
  },
  {
    name: "after characters of several bytes",
    code: ["const smile = 1", '/* 😀ü */ import a from "./gone.js"'],
    says: "./gone.js",
    place: [2, 25]
  },
  {
    name: "an export from elsewhere",
    code: ["", 'export * from "./gone.js"'],
    says: "./gone.js",
    place: [2, 15]
  },
  {
    name: "a folder",
    code: ["", 'import "../"'],
    says: "..",
    place: [2, 8]
  },
  {
    name: "a name that is not exported",
    code: ["import {", "  a,", "    gone as b", '} from "./names.js"'],
    says: "gone",
    place: [3, 5]
  },
  {
    name: "a default that is not exported",
    code: ["", 'import names, { a } from "./names.js"'],
    says: "default",
    place: [2, 8]
  },
  {
    name: "a name that is not exported, exported again",
    code: ["export { a,", '  gone as b } from "./names.js"'],
    says: "names.js",
    place: [2, 3]
  },
  {
    name: "a computed import at the top level",
    code: ['const name = ["left", "pad"].join("-")', "await import(/* that */ name)"],
    says: "left-pad",
    place: [2, 25]
  },
  {
    name: "a computed import in a function, later",
    code: [
      "const load = async (name) => {",
      "  await null",
      '  return await import("./" + name)',
      "}",
      'await load("gone.js")'
    ],
    says: "./gone.js",
    place: [3, 23]
  }
]

describe.each(guestRuntimes)("imports that lead nowhere, on %s", (runtime) => {
  useRuntime(runtime)

  test.each(cases)("BUNDLE_LOAD_ERROR with line and column: $name", async ({ code, place, says }) => {
    const bundle = join(folder, "bundle.js")
    writeFileSync(bundle, `${code.join("\n")}\nexport default () => null\n`)
    const error = await failedLoad({ bundle })
    expect(error.code).toBe("BUNDLE_LOAD_ERROR")
    expect(error.message).toContain(says)
    expect([error.line, error.column]).toEqual({ bun: [undefined, undefined], "quickjs-ng": place }[runtime])
  })

  test("in a module of the bundle's folder are told with that module's name", async () => {
    writeFileSync(join(folder, "between.js"), 'export const b = 1\nimport "./gone.js"\n')
    const bundle = join(folder, "outer.js")
    writeFileSync(bundle, 'import "./names.js"; import "./between.js"\nexport default () => null\n')
    const error = await failedLoad({ bundle })
    expect(`${error.message} ${error.stack ?? ""}`).toContain("between.js")
  })

  test("are for the function to catch, when it is called", async () => {
    const bundle = join(folder, "late.js")
    writeFileSync(
      bundle,
      `export default async (request) => {
  const name = new URL(request.url).searchParams.get("name")
  try { return new Response(String((await import("./" + name)).a)) } catch (error) { return new Response(error.message) }
}
`
    )
    const guest = await GuestProcess.ready({ bundle })
    const called = (name: string) => guest.response({ url: `/?name=${name}`, query: { name } })
    expect((await called("gone.js")).text).toContain("gone.js")
    expect((await called("names.js")).text).toBe("1")
  })
})
