import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { splitTarget } from "./RequestTarget.ts"

const prefix = "http://localhost:8080/functions/"
const split = (rest: string) => splitTarget(prefix + rest, prefix.length)

describe("splitTarget", () => {
  it.each([
    ["x", "x", "/", "/"],
    ["x/", "x", "/", "/"],
    ["x?", "x", "/", "/?"],
    ["x?a=1&a=2", "x", "/", "/?a=1&a=2"],
    ["x?next=/a/b", "x", "/", "/?next=/a/b"],
    ["x/a%2Fb?a=1&a=2", "x", "/a%2Fb", "/a%2Fb?a=1&a=2"],
    ["x//a//", "x", "//a//", "//a//"],
    ["x/a?b?c", "x", "/a", "/a?b?c"],
    ["", "", "/", "/"],
    ["/x", "", "/x", "/x"],
    ["?x", "", "/", "/?x"]
  ])("%s", (rest, name, path, url) => {
    expect(split(rest)).toStrictEqual({ name, path, url })
  })

  it("loses nothing, whatever the parts are", () => {
    const text = (characters: string) => fc.string({ unit: fc.constantFrom(...characters), maxLength: 20 })
    fc.assert(
      fc.property(
        text("abc-09%"),
        text("ab/%2F.~"),
        fc.option(text("a=&?/%20+"), { nil: null }),
        (name, tail, query) => {
          const path = tail === "" ? "" : `/${tail}`
          const search = query === null ? "" : `?${query}`
          expect(split(name + path + search)).toStrictEqual({
            name,
            path: path === "" ? "/" : path,
            url: (path === "" ? "/" : path) + search
          })
        }
      )
    )
  })
})
