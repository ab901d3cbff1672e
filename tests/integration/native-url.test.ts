import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { patience } from "../support/patience.ts"
import { nativeRuntime, runCases, type WorkerCase } from "../support/WorkerCases.ts"
import { callOnce } from "../wpt/worker.ts"

const cases: ReadonlyArray<WorkerCase> = [
  {
    name: "parameters and URL are one, whichever changes",
    run: () => {
      const url = new URL("http://a/?x=1#h")
      const params = url.searchParams
      params.append("y", "ü \ud800")
      const first = url.href
      url.search = "?z=2"
      const second = String(params)
      params.delete("z")
      url.href = "http://b/?q"
      return [first, second, params === url.searchParams, params.get("q"), url.href]
    },
    expected: ["http://a/?x=1&y=%C3%BC+%EF%BF%BD#h", "z=2", true, "", "http://b/?q"]
  },
  {
    name: "parameters from every kind of initial value",
    run: () =>
      [
        "?a=1&b=%FF+%zz",
        [
          ["a", "1"],
          ["a", "2"]
        ] as Array<[string, string]>,
        { "\ud835x": "1", xx: "2", "\ud83dx": "3" },
        new Map([["k", "v"]]) as unknown as Array<[string, string]>,
        new URLSearchParams("c=d")
      ].map((init) => String(new URLSearchParams(init))),
    expected: ["a=1&b=%EF%BF%BD+%25zz", "a=1&a=2", "%EF%BF%BDx=3&xx=2", "k=v", "c=d"]
  },
  {
    name: "an iteration sees what changes under it",
    run: () => {
      const params = new URLSearchParams("a=1&b=2&c=3")
      const seen: Array<string> = []
      for (const [name] of params) {
        seen.push(name)
        params.delete(name)
      }
      return [seen, String(params), [...params.keys()], params.entries().toString()]
    },
    expected: [["a", "c"], "b=2", ["b"], "[object URLSearchParams Iterator]"]
  },
  {
    name: "sorted by code units, equal names in their order",
    run: () => {
      const params = new URLSearchParams("z=1&\ufffd=2&\u{1f308}=3&a=4&z=0")
      params.sort()
      return [...params].map(([name, value]) => [name.codePointAt(0), value])
    },
    expected: [
      [97, "4"],
      [122, "1"],
      [122, "0"],
      [0x1f308, "3"],
      [0xfffd, "2"]
    ]
  },
  {
    name: "what is no URL is a TypeError that says what was given",
    run: () => {
      try {
        return new URL("//x", "nothing").href
      } catch (error) {
        const { name, message, code, input } = error as TypeError & { code: string; input: string }
        return [name, message, code, input]
      }
    },
    expected: ["TypeError", "Invalid URL", "ERR_INVALID_URL", "//x"]
  },
  {
    name: "members are those of the interface, and want one of their own",
    run: async ({ threw }) => {
      const href = Object.getOwnPropertyDescriptor(URL.prototype, "href")
      return [
        await threw(() => href?.get?.call({})),
        await threw(() => URLSearchParams.prototype.get.call({} as URLSearchParams, "a")),
        await threw(() => (URL as unknown as (url: string) => URL)("http://a")),
        await threw(() => Reflect.construct(URL, [])),
        [URL.length, URL.canParse.length, URLSearchParams.length, URLSearchParams.prototype.has.length],
        Object.keys(URL.prototype).includes("searchParams"),
        JSON.stringify({ url: new URL("http://a") })
      ]
    },
    expected: ["TypeError", "TypeError", "TypeError", "TypeError", [1, 1, 0, 1], true, '{"url":"http://a/"}']
  },
  {
    name: "a Blob's URL",
    run: async ({ threw }) => {
      const url = URL.createObjectURL(new Blob(["x"]))
      URL.revokeObjectURL(url)
      return [
        /^blob:(null\/)?[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(url),
        await threw(() => URL.createObjectURL(1 as never))
      ]
    },
    expected: [true, "TypeError"]
  },
  {
    name: "long and many texts",
    run: () => {
      const params = new URLSearchParams()
      for (let i = 0; i < 10_000; i++) params.append(`k${i}`, "é")
      const text = String(params)
      return [
        new URL(`http://a/${"é".repeat(100_000)}`).href.length,
        text.length,
        [...new URLSearchParams(text)].length
      ]
    },
    expected: [600_009, 128_889, 10_000]
  },
  {
    name: "URLPattern: groups in the pattern's order, undefined where they take no part",
    run: () => {
      const pattern = new URLPattern({ pathname: "/:last/:first/(\\d+)?", hostname: "{*.}?example.com" })
      const found = pattern.exec("https://example.com/a/b")
      const groups = found?.pathname.groups ?? {}
      return [
        Object.keys(groups),
        Object.values(groups).map((value) => value ?? "undefined"),
        found?.hostname.groups["0"] === undefined,
        found?.inputs,
        pattern.hasRegExpGroups
      ]
    },
    expected: [["0", "last", "first"], ["undefined", "a", "b"], true, ["https://example.com/a/b"], true]
  },
  {
    name: "URLPattern: its expressions are those of the language, with the v flag",
    run: async ({ threw }) => {
      const emoji = new URLPattern({ hash: "([\\p{L}--[a-z]]+)" })
      return [
        emoji.test({ hash: "ABC" }),
        emoji.test({ hash: "abc" }),
        new URLPattern({ pathname: "/A-B/(x=y|x==z)" }, { ignoreCase: true }).test({ pathname: "/a-b/X==Z" }),
        new URLPattern("/a/*", "https://b.c").test("/a/d", "https://b.c"),
        await threw(() => new URLPattern({ pathname: "/([a--])" })),
        await threw(() => new URLPattern({ pathname: "/(" })),
        await threw(() => new URLPattern().test({ pathname: "/" }, "https://a.b"))
      ]
    },
    expected: [true, false, true, true, "TypeError", "TypeError", "TypeError"]
  }
]

runCases("URL", cases)

describe.each(nativeRuntime)("limits of URLs on %s", (runtime) => {
  let folder = ""
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bunbase-native-url-"))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const answer = (body: string, timeoutMs: number): Promise<string> => {
    const bundle = join(folder, "bundle.js")
    writeFileSync(
      bundle,
      `export default () => { try { ${body} } catch (error) { return new Response(String(error)) } }`
    )
    return callOnce({ runtime, bundle, timeoutMs, env: { BUNBASE_MEMORY_MB: "24" } })
  }

  it("a pattern's expression that never ends is interrupted at the deadline", async () => {
    const spins = `new URLPattern({ pathname: "/((?:a+)+)b" }).test({ pathname: "/" + "a".repeat(80) })`
    await expect(answer(spins, 300)).rejects.toThrow("the deadline passed")
  })

  it.each([
    [
      "kept patterns",
      `const kept = []; for (;;) kept.push(new URLPattern({ pathname: "/:x" + kept.length }))`
    ],
    ["kept URLs", `const kept = []; for (;;) kept.push(new URL("http://a/" + kept.length))`],
    ["one long URL", `new URL("http://a/" + "x".repeat(4e6))`],
    ["one that grows", `const url = new URL("http://a/"); for (;;) url.pathname += url.pathname + "x"`],
    [
      "parameters",
      `const all = new URLSearchParams(); for (;;) { all.append("a", "ü".repeat(1e4)); all.toString() }`
    ]
  ])("memory that is out is an exception: %s", async (_what, body) => {
    expect(await answer(body, 20_000 * patience())).toBe("InternalError: out of memory")
  })
})
