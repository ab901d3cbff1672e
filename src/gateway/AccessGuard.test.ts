import { Redacted } from "effect"
import { describe, expect, it } from "vitest"
import { makeAccessGuard } from "./AccessGuard.ts"

const KEY = "0123456789abcdef-secret"
const keyed = makeAccessGuard({ httpHost: "0.0.0.0", apiKey: Redacted.make(KEY) })
const local = makeAccessGuard({ httpHost: "127.0.0.1" })

const ask = (guard: typeof local, headers: Record<string, string>, method = "GET") =>
  guard(new Request("http://localhost/api/functions", { method, headers }))?._tag ?? null

describe("with an API key", () => {
  it.each([
    [`Bearer ${KEY}`, null],
    [`bearer ${KEY}`, null],
    [`Bearer   ${KEY}`, null],
    [`Bearer ${KEY}x`, "Unauthorized"],
    [`Bearer ${KEY.slice(0, -1)}`, "Unauthorized"],
    [`Bearer ${KEY.toUpperCase()}`, "Unauthorized"],
    ["Bearer", "Unauthorized"],
    ["Bearer ", "Unauthorized"],
    [KEY, "Unauthorized"],
    [`Basic ${KEY}`, "Unauthorized"]
  ])("%s", (authorization, expected) => {
    expect(ask(keyed, { host: "api.example.com", authorization })).toBe(expected)
    expect(ask(keyed, { host: "api.example.com", authorization }, "POST")).toBe(expected)
  })

  it("asks for the key before it says anything else", () => {
    expect(ask(keyed, { host: "a" })).toBe("Unauthorized")
    expect(ask(keyed, { host: "a", origin: "http://evil.example" }, "POST")).toBe("Unauthorized")
  })

  it("never says the key or what was shown", () => {
    const refusal = keyed(new Request("http://a/", { headers: { authorization: "Bearer wrong-key-value" } }))
    expect(refusal?.message).not.toContain(KEY)
    expect(refusal?.message).not.toContain("wrong-key-value")
  })

  it("answers to any host name: whoever has the key has no need of tricks", () => {
    expect(ask(keyed, { host: "api.example.com", authorization: `Bearer ${KEY}` })).toBeNull()
    const behindProxy = makeAccessGuard({ httpHost: "127.0.0.1", apiKey: Redacted.make(KEY) })
    expect(ask(behindProxy, { host: "api.example.com", authorization: `Bearer ${KEY}` })).toBeNull()
  })
})

describe("what a function's fetch asks for", () => {
  it.each(["GET", "POST"])("is refused where being on the machine is enough: %s", (method) => {
    expect(ask(local, { host: "127.0.0.1:8080", "x-bunbase-fetch": "1" }, method)).toBe("PermissionDenied")
  })

  it("is judged by its key where there is one", () => {
    expect(ask(keyed, { host: "a", "x-bunbase-fetch": "1", authorization: `Bearer ${KEY}` })).toBeNull()
    expect(ask(keyed, { host: "a", "x-bunbase-fetch": "1" })).toBe("Unauthorized")
  })
})

describe("without an API key, on loopback", () => {
  it.each([
    "localhost",
    "localhost:8080",
    "LOCALHOST:1",
    "127.0.0.1:8080",
    "127.1.2.3",
    "[::1]:8080",
    "fn.localhost:80"
  ])("answers to %s", (host) => expect(ask(local, { host })).toBeNull())

  it.each([
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1.nip.io:8080",
    "[::2]",
    "192.168.1.2",
    "localhost, evil.example",
    "",
    "@localhost"
  ])("does not answer to '%s' (DNS rebinding)", (host) => {
    expect(ask(local, { host })).toBe("PermissionDenied")
  })

  it("answers to the name that it was told to listen on", () => {
    const named = makeAccessGuard({ httpHost: "::1" })
    expect(ask(named, { host: "[::1]:8080" })).toBeNull()
  })
})

describe("requests that a browser sends for a web page", () => {
  const host = "localhost:8080"
  it.each([
    [{ origin: "http://localhost:8080" }, null],
    [{ origin: "https://localhost:8080" }, null],
    [{}, null],
    [{ "sec-fetch-site": "same-origin" }, null],
    [{ "sec-fetch-site": "none" }, null],
    [{ origin: "http://evil.example" }, "PermissionDenied"],
    [{ origin: "http://localhost:3000" }, "PermissionDenied"],
    [{ origin: "http://localhost:8080.evil.example" }, "PermissionDenied"],
    [{ origin: "null" }, "PermissionDenied"],
    [{ origin: "" }, "PermissionDenied"],
    [{ "sec-fetch-site": "cross-site" }, "PermissionDenied"]
  ])("a change with %j", (headers, expected) => {
    expect(ask(local, { host, ...headers }, "POST")).toBe(expected)
    expect(ask(local, { host, ...headers }, "DELETE")).toBe(expected)
  })

  it("reading is not refused: its answer is kept from the page by the browser itself", () => {
    expect(ask(local, { host, origin: "http://evil.example" })).toBeNull()
  })
})
