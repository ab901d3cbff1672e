import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { guestRuntimes } from "../support/GuestProcess.ts"
import { nativeRuntime, WorkerUnderTest } from "../support/WorkerCases.ts"

/** Says how it saw the request, and what the parser makes of the same address. */
const mirror = `
export default async (request) => {
  const { url } = request
  return Response.json({
    url,
    parsed: new URL(url).href,
    headers: [...request.headers].filter(([name]) => name !== "x-invocation-id"),
    method: request.method,
    copy: request.clone().method,
    text: await request.text()
  })
}
`

interface Seen {
  readonly url: string
  readonly parsed: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly method: string
  readonly copy: string
  readonly text: string
}

describe.each(guestRuntimes)("an invocation on %s, as the handler sees it", (runtime) => {
  let worker: WorkerUnderTest
  beforeAll(async () => {
    worker = await WorkerUnderTest.start(runtime, mirror)
  })
  afterAll(() => worker.stop())

  it("its headers are those that came and that a header can hold", async () => {
    const name = fc.stringMatching(/^[a-z!#$%&'*+.^_`|~-]{1,6}$|^a b$|^é$/).filter((text) => text !== "host")
    const value = fc.string({ unit: fc.constantFrom("a", " ", "\t", "é", ",", '"', "\n", "\0", "€", ";") })
    const headers = fc.dictionary(name, fc.oneof(value, fc.array(value, { maxLength: 3 })), {
      maxKeys: 6,
      noNullPrototype: true
    })
    const valid = (text: string): boolean =>
      !/[\0\n]|[^\0-\xff]/.test(text.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, ""))
    await fc.assert(
      fc.asyncProperty(headers, async (sent) => {
        const seen = (await worker.json("/", { headers: sent })) as Seen
        const expected = new Map<string, string>()
        for (const [key, held] of Object.entries(sent)) {
          const values = [held].flat().filter(valid)
          if (!/^[!-~]+$/.test(key) || values.length === 0) continue
          expected.set(key, values.map((one) => one.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "")).join(", "))
        }
        expect(Object.fromEntries(seen.headers)).toEqual(Object.fromEntries(expected))
        expect(seen.headers.map(([key]) => key)).toEqual(seen.headers.map(([key]) => key).toSorted())
      }),
      { numRuns: 300 }
    )
  })

  it.each(["GET", "POST", "PROPFIND", "QUERY", "TRACE"])("the method %s comes as it is", async (method) => {
    const seen = (await worker.json("/", { method, body: "" })) as Seen
    expect([seen.method, seen.copy]).toEqual([method, method])
  })

  it("a body comes as it is", async () => {
    const seen = (await worker.json("/", { method: "POST", body: "é€" })) as Seen
    expect(seen.text).toBe("é€")
  })
})

// Bun does not always parse what it was given
describe.each(nativeRuntime)("the URL of an invocation on %s", (runtime) => {
  let worker: WorkerUnderTest
  beforeAll(async () => {
    worker = await WorkerUnderTest.start(runtime, mirror)
  })
  afterAll(() => worker.stop())

  // encoded labels are named, not made up: the two parsers' Unicode tables differ, and so does one rule (docs/quickjs-ng.md)
  const label = fc.oneof(
    { arbitrary: fc.stringMatching(/^(?:[a-z0-9][a-z0-9-]{0,6}|0x[0-9a-f]|[A-Z][a-z]|)$/), weight: 4 },
    {
      arbitrary: fc.constantFrom("xn--", "xn--a", "xn--0", "xn--zzzz", "xn--bcher-kva", "XN--BCHER-KVA"),
      weight: 1
    }
  )
  const host = fc.oneof(
    fc.constantFrom(
      "localhost",
      "127.0.0.1",
      "127.0.0.1:80",
      "[::1]:8080",
      "a.example:080",
      "1.2",
      "256.1.1.1"
    ),
    fc
      .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), fc.option(fc.nat(70_000)))
      .map(([labels, port]) => labels.join(".") + (port === null ? "" : `:${port}`))
  )
  const piece = fc.oneof(
    fc.constantFrom(
      "/",
      ".",
      "..",
      "%2e",
      "%2E",
      "//",
      "%",
      "%zz",
      "%C3%A9",
      "?",
      "&",
      "=",
      "é",
      " ",
      "\\",
      "'",
      '"',
      "<",
      "^",
      "|",
      "`",
      "{",
      "~",
      "@",
      ":",
      ";",
      "\t",
      "\u007f"
    ),
    fc.stringMatching(/^[a-z0-9._~-]{0,5}$/)
  )
  const target = fc.array(piece, { maxLength: 10 }).map((pieces) => `/${pieces.join("")}`)

  it("is what the parser makes of host and target, or that of localhost where the host is none", async () => {
    await fc.assert(
      fc.asyncProperty(host, target, async (name, path) => {
        const seen = (await worker.json(path, { headers: { host: name } })) as Seen
        const plain = path.replaceAll("#", "%23")
        const given = name === "" ? null : URL.parse(`http://${name}${plain}`)
        const expected = given ?? new URL(`http://localhost${plain}`)
        expect(seen.url).toBe(expected.href)
        expect(seen.parsed).toBe(seen.url)
      }),
      { numRuns: 1_000 }
    )
  })
})
