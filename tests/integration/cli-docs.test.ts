import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { documentPath, generatedParts, withPart } from "../support/documentation.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const documents = [
  join(root, "README.md"),
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(root, "docs", name))
]

describe("the parts of docs/ that are made from the program", () => {
  it.each(generatedParts)(
    "$document: $part is up to date (UPDATE_DOCS=1 writes it)",
    async ({ document, part, text }) => {
      const path = documentPath(document)
      const before = readFileSync(path, "utf8")
      const after = await withPart(before, part, text())
      if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, after)
      expect(readFileSync(path, "utf8")).toBe(after)
    }
  )
})

describe.each(documents)("%s", (path) => {
  const text = readFileSync(path, "utf8")

  it("links only to what is there", () => {
    for (const [, target = ""] of text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)) {
      expect({ target, found: existsSync(join(dirname(path), target)) }).toEqual({ target, found: true })
    }
  })

  it("names no path of a machine and no host of a registry", () => {
    expect(text).not.toMatch(/\/home\/|\/work\/|\/root\/|\/Users\//)
    expect(text).not.toMatch(/registry\.|npmjs/)
  })
})
