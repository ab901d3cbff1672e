import { describe, expect, test } from "vitest"
import {
  type Call,
  functionFixture,
  GuestProcess,
  guestRuntimes,
  useRuntime
} from "../support/GuestProcess.ts"

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly hasBody: boolean
}

const echo = () => GuestProcess.ready({ bundle: functionFixture("valid/echo.js") })

/** What the handler saw of a call, and the body that it got. */
const seenBy = async (guest: GuestProcess, call: Call) => {
  const { headers, text, bytes } = await guest.response(call)
  const json = decodeURIComponent(escape(atob(headers["x-seen"] as string)))
  return { seen: JSON.parse(json) as Seen, text, bytes }
}

const headerOf = (seen: Seen, name: string): string | undefined =>
  seen.headers.find(([key]) => key === name)?.[1]

describe.each(guestRuntimes)("on %s", (runtime) => {
  useRuntime(runtime)

  describe("the Request that a handler gets", () => {
    test.each<readonly [name: string, call: Call, url: string]>([
      ["localhost, where no host is given", { url: "/a?b=1" }, "http://localhost/a?b=1"],
      [
        "the host's name",
        { url: "/", headers: { host: "api.example.com:8443" } },
        "http://api.example.com:8443/"
      ],
      ["an address", { url: "/", headers: { host: "[::1]:80" } }, "http://[::1]/"],
      [
        "localhost instead of a host with a path",
        { url: "/x", headers: { host: "evil/y?" } },
        "http://localhost/x"
      ],
      [
        "localhost instead of a host with a user",
        { url: "/x", headers: { host: "a@b" } },
        "http://localhost/x"
      ],
      ["localhost instead of two hosts", { url: "/x", headers: { host: ["a", "b"] } }, "http://localhost/x"],
      [
        "localhost instead of a host that is none",
        { url: "/x", headers: { host: "a:b:c" } },
        "http://localhost/x"
      ],
      ["repeated keys in their order", { url: "/?a=1&b=2&a=3&&=&c" }, "http://localhost/?a=1&b=2&a=3&&=&c"],
      [
        "escapes as they are",
        { url: "/%2F%zz/%C3%BC?q=%20+%26" },
        "http://localhost/%2F%zz/%C3%BC?q=%20+%26"
      ],
      ["two slashes at the start", { url: "//other.example/x" }, "http://localhost//other.example/x"],
      ["a number sign as data", { url: "/a#b?c=#d" }, "http://localhost/a%23b?c=%23d"],
      ["a missing slash", { url: "x" }, "http://localhost/x"],
      ["the star of OPTIONS", { url: "*", method: "OPTIONS" }, "http://localhost/*"],
      ["nothing but a query", { url: "?q" }, "http://localhost/?q"]
    ])("URL: %s", async (_name, call, url) => {
      const { seen } = await seenBy(await echo(), call)
      expect(seen.url).toBe(url)
    })

    test("has the method as it was sent, and no body with GET and HEAD", async () => {
      const guest = await echo()
      for (const method of [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "PROPFIND",
        "PURGE",
        "BREW"
      ]) {
        const { seen, text } = await seenBy(guest, { method, body: "body" })
        const empty = method === "GET" || method === "HEAD"
        expect({ method: seen.method, text, hasBody: seen.hasBody }).toEqual({
          method,
          text: empty ? "" : "body",
          hasBody: !empty
        })
      }
      expect((await seenBy(guest, { method: "POST" })).seen.hasBody).toBe(false)
    })

    test("has its headers, repeated ones too, and its id", async () => {
      const guest = await echo()
      const id = "0190f3c2-7b1e-7c3a-9d2e-aabbccddeeff"
      const { seen } = await seenBy(guest, {
        id,
        headers: {
          accept: "a/b",
          "x-repeated": ["1", "2", "1"],
          cookie: ["a=1", "b=2"],
          "x-empty": "",
          "x-latin": "caf\u00e9",
          "content-length": "5",
          connection: "close",
          "X-Invocation-Id": "forged",
          ["__proto__"]: "name"
        }
      })
      expect(seen.headers).toEqual([
        ["__proto__", "name"],
        ["accept", "a/b"],
        ["connection", "close"],
        ["content-length", "5"],
        ["cookie", "a=1; b=2"],
        ["x-empty", ""],
        ["x-invocation-id", id],
        ["x-latin", "caf\u00e9"],
        ["x-repeated", "1, 2, 1"]
      ])
    })

    test("has its own id alone, also where another one came in capitals, or its own cannot be a header", async () => {
      const guest = await echo()
      const forged = { "X-Invocation-Id": "forged", "x-invocation-id": "too", "x-good": "1" }
      for (const headers of [forged, { ...forged, "x-more": ["2"] }]) {
        const { seen } = await seenBy(guest, { id: "own", headers })
        expect(headerOf(seen, "x-invocation-id")).toBe("own")
        const odd = await seenBy(guest, { id: "line\nbreak", headers })
        expect(headerOf(odd.seen, "x-invocation-id")).toBeUndefined()
      }
    })

    test("leaves out what cannot be a header, and an id that cannot", async () => {
      const guest = await echo()
      const { seen } = await seenBy(guest, {
        id: "line\nbreak",
        headers: { "x-good": "1", "bad name": "x", "x-bad-value": "a\nb", "x-euro": "\u20ac" }
      })
      expect(seen.headers).toEqual([["x-good", "1"]])
    })

    test("has the trace that the host sends", async () => {
      const guest = await echo()
      const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
      const send = (id: string, headers: Record<string, string | ReadonlyArray<string>>) =>
        guest.send({
          id,
          type: "invoke",
          payload: { method: "GET", path: "/", headers, query: {}, body: "", deadline_ms: 1, trace }
        })
      for (const headers of [{}, { a: ["1", "2"] }]) {
        const id = `traced-${Object.keys(headers).length}`
        send(id, headers)
        const answer = await guest.answer(id)
        if (answer.type !== "response") throw new Error("no response")
        const seen = JSON.parse(atob(answer.payload.headers["x-seen"] as string)) as Seen
        expect(headerOf(seen, "traceparent")).toBe(trace)
      }
    })

    test("has a signal that follows into its copies", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/abort.js") })
      const id = guest.begin({ path: "/copies" })
      await guest.next((message) => message.type === "log" && message.id === id)
      guest.send({ id, type: "cancel", payload: { reason: "client_gone" } })
      await guest.answer(id)
      expect(guest.logs(id).map(({ message }) => message)).toEqual([
        "waiting",
        "clone aborted",
        "copy aborted"
      ])
    })
  })
})
