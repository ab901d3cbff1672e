import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { requestUrl } from "./requestUrl.ts"

describe("requestUrl", () => {
  it.each([
    ["/", undefined, "/"],
    ["/a?b=1", null, "/a?b=1"],
    ["/a", { b: "1", c: ["2", "3"] }, "/a?b=1&c=2&c=3"],
    ["/a?z=0", { b: "x y" }, "/a?z=0&b=x%20y"],
    ["/ü b#c", {}, "/%C3%BC%20b%23c"],
    ["/%20", { d: [] }, "/%20"]
  ] as const)("%j with %j", (path, query, url) => {
    expect(requestUrl(path, query)).toBe(url)
  })

  it("keeps every value of a query, whatever it holds", () => {
    const text = fc.string({ unit: "binary" }).map((value) => value.toWellFormed())
    fc.assert(
      fc.property(
        fc.dictionary(text, fc.array(text, { minLength: 1 }), { noNullPrototype: true }),
        (query) => {
          const { searchParams } = new URL(requestUrl("/", query), "http://localhost")
          for (const [name, values] of Object.entries(query))
            expect(searchParams.getAll(name)).toEqual(values)
          expect(new Set(searchParams.keys()).size).toBe(Object.keys(query).length)
        }
      )
    )
  })

  it("gives what a URL takes, of any path", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (rest) => {
        expect(requestUrl(`/${rest}`)).toMatch(/^\/[^ #]*$/)
        // oxlint-disable-next-line no-control-regex -- control characters are refused before
        expect(requestUrl(`/${rest}`)).not.toMatch(/[^\x00-\x7f]/)
      })
    )
  })
})
