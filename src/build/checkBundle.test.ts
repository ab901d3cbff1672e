import { Effect, Either } from "effect"
import fc from "fast-check"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { DeploymentFailed } from "../domain/Errors.ts"
import type { Runtime } from "../domain/FunctionSpec.ts"
import { checkBundle } from "./checkBundle.ts"

const refusal = async (code: string, runtime: Runtime = "bun"): Promise<DeploymentFailed | null> =>
  Either.match(await Effect.runPromise(Effect.either(checkBundle(code, runtime))), {
    onLeft: (error) => error,
    onRight: () => null
  })

describe("checkBundle", () => {
  it("takes self-contained code", async () => {
    expect(await refusal("export default () => new Response('ok')\n")).toBeNull()
    expect(await refusal("export default () => new Response('ok')\n", "quickjs-ng")).toBeNull()
    expect(await refusal("module.exports = { fetch() { return new Response('ok') } }")).toBeNull()
    expect(await refusal("#!/usr/bin/env bun\nexport default () => 1")).toBeNull()
  })

  it("takes the built-in modules of Bun, in every way of importing them", async () => {
    const code = `
      import fs from "fs"
      import { readFile } from "node:fs/promises"
      import { Database } from "bun:sqlite"
      import * as bun from "bun"
      export { join } from "node:path"
      export * from "path/posix"
      const os = require("os")
      export default async () => (await import("node:crypto"), fs, readFile, Database, bun, os)`
    expect(await refusal(code)).toBeNull()
  })

  it.each([
    ["a static import", `export default 1\nimport pad from "left-pad"`, "left-pad", 2, 17],
    ["an import for its effects", `\n\nimport 'left-pad'`, "left-pad", 3, 8],
    ["a named re-export", `export { pad } from "left-pad"`, "left-pad", 1, 21],
    ["a star re-export", `export * from "left-pad"`, "left-pad", 1, 15],
    ["a dynamic import", `export default () =>\n  import("left-pad")`, "left-pad", 2, 10],
    ["a template literal", "export default () =>\n  import(`left-pad`)", "left-pad", 2, 10],
    ["a require", `export default () =>\n  require("left-pad")`, "left-pad", 2, 11],
    ["a relative import", `import "./helper.js"`, "./helper.js", 1, 8],
    ["a climbing import", `import "../../../../../../etc/hostname"`, "../../../../../../etc/hostname", 1, 8],
    ["an absolute path", `\nimport "/etc/hostname"`, "/etc/hostname", 2, 8],
    ["a device", `import "/dev/zero"`, "/dev/zero", 1, 8],
    ["a file URL", `import "file:///etc/hostname"`, "file:///etc/hostname", 1, 8],
    ["a web URL", `\nimport("https://example.com/a.js")`, "https://example.com/a.js", 2, 8],
    ["a data URL", `import "data:text/javascript,1"`, "data:text/javascript,1", 1, 8],
    ["an unknown built-in", `import "node:nonsense"`, "node:nonsense", 1, 8],
    ["text", `import t from "./a.txt" with { type: "text" }`, "./a.txt", 1, 15]
  ])("refuses %s", async (_, code, name, line, column) => {
    const error = await refusal(code)
    expect(error).toMatchObject({ stage: "import", file: "bundle.js", line, column })
    expect(error?.reason).toContain(`"${name}"`)
    expect(await refusal(code, "quickjs-ng")).toMatchObject({ stage: "import", line, column })
  })

  it("lists every import that is missing", async () => {
    const error = await refusal(`import "one"\nimport "node:fs"\nimport "two"\nrequire("https://three")`)
    expect(error?.line).toBe(1)
    expect(error?.reason.split("\n")).toEqual([
      expect.stringMatching(/^"one" is imported/),
      expect.stringMatching(/^bundle\.js:3:8: "two" is imported/),
      expect.stringMatching(/^bundle\.js:4:9: "https:\/\/three" is imported/)
    ])
  })

  it("bounds the list", async () => {
    const code = Array.from({ length: 200 }, (_, i) => `import "package-${i}"`).join("\n")
    const lines = (await refusal(code))?.reason.split("\n") ?? []
    expect(lines).toHaveLength(26)
    expect(lines.at(-1)).toBe("… and 175 more")
  })

  it("leaves optional imports and functions called require alone", async () => {
    expect(await refusal(`try { require("bufferutil") } catch {}`)).toBeNull()
    expect(await refusal(`import("optional").catch(() => null)`)).toBeNull()
    expect(await refusal(`export default ((require) => require("./inner"))((name) => name)`)).toBeNull()
    expect(await refusal(`// import "left-pad"\nexport default 'import "left-pad"'`)).toBeNull()
  })

  it("grants QuickJS-NG no modules at all", async () => {
    const error = await refusal(
      `export default 1\nimport { createHash } from "node:crypto"\nimport "bun"`,
      "quickjs-ng"
    )
    expect(error).toMatchObject({ stage: "import", line: 2, column: 28 })
    expect(error?.reason).toContain(`"node:crypto" is a module of Bun and Node.js`)
    expect(error?.reason).toContain(`"bun"`)
  })

  it("reports every syntax error with its place", async () => {
    expect(await refusal("export default () => {\n  return ;;;)\n}")).toMatchObject({
      stage: "syntax",
      file: "bundle.js",
      line: 2,
      column: 13
    })
    const error = await refusal("const a = 1\nconst a = 2\nconst b = 1\nconst b = 2\nimport 'left-pad'")
    expect(error).toMatchObject({ stage: "syntax", line: 2, column: 7 })
    expect(error?.message).toBe(
      'bundle.js:2:7: "a" has already been declared\nbundle.js:4:7: "b" has already been declared'
    )
    expect(await refusal("let a: string = 1")).toMatchObject({ stage: "syntax", line: 1 })
    expect(await refusal("export default <div/>")).toMatchObject({ stage: "syntax", line: 1 })
  })

  it("survives code that is nested without end", async () => {
    for (const nesting of ["[", "(", "{a:", "function f(){", "`${", "!", "a=>"]) {
      const error = await refusal(`export default ${nesting.repeat(100_000)}`)
      expect(error).toMatchObject({ stage: "syntax" })
    }
  })

  describe("with macros", () => {
    let folder = ""
    const ran = () => existsSync(join(folder, "ran"))
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "bunbase-macro-"))
      writeFileSync(
        join(folder, "macro.ts"),
        `import { writeFileSync } from "node:fs"
         export const run = () => { writeFileSync(${JSON.stringify(join(folder, "ran"))}, ""); return 1 }`
      )
    })
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    it.each([
      ["an attribute", `import { run } from "DIR/macro.ts" with { type: "macro" }\nexport default run()`],
      [
        "an escaped attribute",
        `import { run } from "DIR/macro.ts" with { "type": "m\\x61cro" }\nexport default run()`
      ],
      ["an assertion", `import { run } from "DIR/macro.ts" assert { type: "macro" }\nexport default run()`],
      ["a prefix", `import { run } from "macro:DIR/macro.ts"\nexport default run()`],
      ["a namespace", `import * as m from "DIR/macro.ts" with { type: "macro" }\nexport default m.run()`],
      [
        "a built-in",
        `import { mkdirSync } from "node:fs" with { type: "macro" }\nexport default mkdirSync("DIR/ran")`
      ],
      [
        "code in a data URL",
        `import 'data:text/javascript,import { run } from "DIR/macro.ts" with { type: "macro" }; run()'`
      ]
    ])("runs nothing for %s", async (_, template) => {
      const code = template.replaceAll("DIR", folder)
      for (const runtime of ["bun", "quickjs-ng"] as const) {
        expect(await refusal(code, runtime)).toMatchObject({ stage: "import", line: expect.any(Number) })
        expect(ran()).toBe(false)
      }
    })
  })

  it("answers for any text, and never with a defect", async () => {
    const fragment = fc.constantFrom(
      "import ",
      "export ",
      "default ",
      "from ",
      '"x"',
      "{",
      "}",
      "(",
      ")",
      "`",
      "${",
      "/",
      "*",
      "\\",
      "\0",
      "\u2028",
      "\ud800"
    )
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join(""))
    )
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom<Runtime>("bun", "quickjs-ng"), async (code, runtime) => {
        const error = await refusal(code, runtime)
        expect(["syntax", "import", "fine"]).toContain(error?.stage ?? "fine")
      }),
      { numRuns: 300 }
    )
  }, 30_000)

  it("names any package that is imported", async () => {
    const packageName = fc.stringMatching(/^(@[a-z][a-z0-9-]{0,8}\/)?[a-z][a-z0-9-]{2,12}zz(\/[a-z]{1,5})?$/)
    const form = fc.constantFrom(
      'import "NAME"',
      'export * from "NAME"',
      'require("NAME")',
      'await import("NAME")'
    )
    await fc.assert(
      fc.asyncProperty(packageName, form, fc.nat(20), async (name, template, above) => {
        const error = await refusal("\n".repeat(above) + template.replace("NAME", name))
        expect(error).toMatchObject({ stage: "import", line: above + 1 })
        expect(error?.reason).toContain(`"${name}"`)
      }),
      { numRuns: 100 }
    )
  }, 30_000)
})
