// From where functions may fetch, and what of a request leaves (CP-012 to CP-024, CP-028). The suite's own upstreams are on
// loopback: a server that connects to no such address cannot be shown to grant anything.
import {
  confined,
  DENIED,
  FAILED,
  fetching,
  isLetThrough,
  profile,
  REACHED
} from "../capabilities/fetching.ts"
import { check, holds, refused } from "../check.ts"
import { casesOf } from "../define.ts"
import { Upstream } from "../Upstream.ts"

const { add, all: networkCases } = casesOf("capabilities", ["quickjs-ng", "http", "local"])
export { networkCases }

add(
  "strict",
  "Strict has no network: each fetch rejects as denied, and nobody is connected to",
  ["CP-012", "CP-013", "CP-014", "CP-001", "CP-005"],
  {},
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const listed = profile("strict", { domains: ["localhost", "127.0.0.1"] })
    for (const capabilities of [null, profile("strict"), listed]) {
      const fn = await confined(bench, capabilities)
      const urls = [
        upstream.url(),
        upstream.url("/", "localhost"),
        upstream.url("/", "127.1"),
        `https://127.0.0.1:${upstream.port}/`,
        `http://[::1]:${upstream.port}/`,
        "http://a.example.invalid/"
      ]
      for (const url of urls) check(`a fetch of ${url}`, DENIED, await fetching(fn, url))
      for (const method of ["POST", "HEAD", "OPTIONS", "QUERY"]) {
        check(`${method}`, DENIED, await fetching(fn, upstream.url(), { method }))
      }
      const uncaught = await fn.http("/do/uncaught", {
        method: "POST",
        body: JSON.stringify({ url: upstream.url() })
      })
      refused("a fetch that nobody catches", uncaught, 403, "FN_009")
      const data = await fetching(fn, "data:,inside")
      check("a data: URL, which needs no network", { status: 200, text: "inside" }, data)
    }
    check("connections", 0, upstream.connections)
  }
)

add(
  "denials",
  "A denied fetch that nobody catches is FN_009 at the socket too, any other failure FN_004",
  ["CP-013", "CP-014"],
  { traits: ["socket"] },
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const strict = await confined(bench, null)
    const permissive = await confined(bench, profile("permissive"))
    const body = (url: string) => Buffer.from(JSON.stringify({ url })).toString("base64")
    const uncaught = (url: string) => ({ method: "POST", path: "/do/uncaught", body: body(url) })
    const denied = await strict.invoke(uncaught(upstream.url()))
    check("the denial", { success: false, code: "FN_009" }, denied.payload)
    // nobody listens at port 1
    const nobody = "http://127.0.0.1:1/"
    const failed = await permissive.invoke(uncaught(nobody))
    check("a fetch from where nobody listens", { success: false, code: "FN_004" }, failed.payload)
    check("what it rejects with", FAILED, await fetching(permissive, nobody))
    check("the function afterwards", REACHED, await fetching(permissive, upstream.url()))
  }
)

add(
  "granted",
  "Custom may fetch from its domains, however they are written in the URL, and from nowhere else",
  ["CP-015", "CP-016", "CP-013", "CP-028"],
  {},
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const named = await confined(bench, profile("custom", { domains: ["api.example.invalid", "localhost"] }))
    for (const host of ["localhost", "LOCALHOST", "%6cocalhost", "user:word@localhost"]) {
      const url = upstream.url("/", host)
      // credentials in a URL are no part of its host, and no fetch has them
      const expected = host.includes("@") ? { code: { $not: "PERMISSION_DENIED" } } : REACHED
      check(`a fetch of ${url}`, expected, await fetching(named, url))
    }
    isLetThrough("a granted name that nobody has", await fetching(named, "http://api.example.invalid:8080/"))
    bench.context.observe("loopback is reached by a name that is granted (CP-028)")
    const { connections } = upstream
    const others = ["127.0.0.1", "a.localhost", "xlocalhost", "localhost.example.invalid", "[::1]"]
    for (const host of others) {
      const url = upstream.url("/", host)
      check(`a fetch of ${url}`, DENIED, await fetching(named, url))
    }
    for (const url of ["http://example.invalid/", "http://v2.api.example.invalid/", "http://localhos/"]) {
      check(`a fetch of ${url}`, DENIED, await fetching(named, url))
    }
    check("connections for what was not granted", connections, upstream.connections)

    const address = await confined(bench, profile("custom", { domains: ["127.0.0.1"] }))
    for (const host of ["127.0.0.1", "127.1", "0x7f.0.0.1", "2130706433"]) {
      const url = upstream.url("/", host)
      check(`a fetch of ${url}`, REACHED, await fetching(address, url))
    }
    check("another name of it", DENIED, await fetching(address, upstream.url("/", "localhost")))
    check("another address", DENIED, await fetching(address, upstream.url("/", "127.0.0.2")))

    const nothing = await confined(bench, profile("custom"))
    check("without domains", DENIED, await fetching(nothing, upstream.url("/", "localhost")))
  }
)

add(
  "star",
  "*.NAME covers what ends with .NAME, not NAME, and not what only looks like it",
  ["CP-017", "CP-016", "CP-018"],
  {},
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const fn = await confined(bench, profile("custom", { domains: ["*.example.invalid", "*.0.0.1"] }))
    check("an address that ends so", REACHED, await fetching(fn, upstream.url()))
    const covered = ["a.example.invalid", "a.b.example.invalid", "A.Example.Invalid", "a.example.invalid."]
    for (const host of covered) isLetThrough(host, await fetching(fn, `http://${host}:1/`))
    const others = ["example.invalid", "badexample.invalid", "example.invalid.", "a.example.invalid.org"]
    for (const host of [...others, "a.example", "invalid", "127.0.0.2"]) {
      check(`a fetch from ${host}`, DENIED, await fetching(fn, `http://${host}:1/`))
    }
  }
)

add(
  "trailing-dot",
  "A host name with a dot at its end is like the one without",
  ["CP-018"],
  {},
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const fn = await confined(bench, profile("custom", { domains: ["localhost"] }))
    check("localhost.", REACHED, await fetching(fn, upstream.url("/", "localhost.")))
    check("another with a dot", DENIED, await fetching(fn, upstream.url("/", "a.localhost.")))
    const { connections } = upstream
    const strict = await confined(bench, null)
    check("on strict", DENIED, await fetching(strict, upstream.url("/", "localhost.")))
    check("connections", connections, upstream.connections)
  }
)

add(
  "permissive",
  "Permissive may fetch from anywhere, with every method, headers and a body",
  ["CP-019", "CP-028"],
  {},
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const fn = await confined(bench, profile("permissive"))
    for (const host of ["127.0.0.1", "localhost", "127.1"]) {
      check(`a fetch from ${host}`, REACHED, await fetching(fn, upstream.url("/", host)))
    }
    isLetThrough("a name that nobody has", await fetching(fn, "http://a.example.invalid/"))
    const init = { method: "PUT", headers: { "X-Own": "kept" } }
    check("a PUT", REACHED, await fetching(fn, upstream.url("/a?b=c"), init, 1000))
    const seen = { method: "PUT", target: "/a?b=c", bytes: 1000, headers: { "x-own": "kept" } }
    check("what arrived", seen, upstream.reached.at(-1))
  }
)

add(
  "redirects",
  "A redirect to a host that is not granted is not followed, whatever its status and after however many others",
  ["CP-020", "CP-013"],
  {},
  async (bench) => {
    const [near, far] = [await Upstream.start(bench), await Upstream.start(bench)]
    const fn = await confined(bench, profile("custom", { domains: ["localhost"] }))
    const via = (url: string, status = 302) =>
      near.url(`/to?status=${status}&url=${encodeURIComponent(url)}`, "localhost")
    for (const status of [301, 302, 303, 307, 308]) {
      check(`a ${status} elsewhere`, DENIED, await fetching(fn, via(far.url(), status)))
      check(
        `a ${status} to a granted host`,
        REACHED,
        await fetching(fn, via(near.url("/", "localhost"), status))
      )
    }
    check("the second redirect", DENIED, await fetching(fn, via(via(far.url()))))
    check("to a relative URL", REACHED, await fetching(fn, via("/there")))
    check("to the same host at another port", REACHED, await fetching(fn, via(far.url("/", "localhost"))))
    check("what reached the other host", 1, far.reached.length)
    check("connections to the other host", 1, far.connections)
    const manual = await fetching(fn, via(far.url()), { redirect: "error" })
    check("a redirect that is an error", { type: true }, manual)
  }
)

add("many-redirects", "The 21st redirect rejects the fetch", ["CP-021"], {}, async (bench) => {
  const upstream = await Upstream.start(bench)
  const fn = await confined(bench, profile("permissive"))
  check("20 redirects", REACHED, await fetching(fn, upstream.url("/hops/20")))
  check("requests", 21, upstream.reached.length)
  check("21 redirects", FAILED, await fetching(fn, upstream.url("/hops/21")))
  check("requests", 42, upstream.reached.length)
  const endless = upstream.url(`/to?url=${encodeURIComponent(upstream.url("/hops/100"))}`)
  check("redirects without end", FAILED, await fetching(fn, endless))
})

add(
  "secrets",
  "Authorization and Cookie go along with a redirect within an origin, and not to another one",
  ["CP-022"],
  {},
  async (bench) => {
    const [near, far] = [await Upstream.start(bench), await Upstream.start(bench)]
    const fn = await confined(bench, profile("permissive"))
    const headers = { Authorization: "Bearer secret", Cookie: "a=secret", "X-Kept": "kept" }
    const to = (url: string, from = near) => from.url(`/to?url=${encodeURIComponent(url)}`)
    const secrets = { authorization: "Bearer secret", cookie: "a=secret" }
    const none = { authorization: { $absent: true }, cookie: { $absent: true }, "x-kept": "kept" }

    check("directly", REACHED, await fetching(fn, near.url(), { headers }))
    check("what arrives", secrets, near.reached.at(-1)?.headers)
    check("within the origin", REACHED, await fetching(fn, to(near.url("/same")), { headers }))
    check("what arrives", secrets, near.reached.at(-1)?.headers)
    const elsewhere = [to(far.url()), to(to(far.url())), to(near.url("/", "localhost"))]
    for (const url of elsewhere) {
      check("a fetch that leads elsewhere", REACHED, await fetching(fn, url, { headers }))
      const last = url === elsewhere[2] ? near.reached.at(-1) : far.reached.at(-1)
      check("what arrives there", none, last?.headers)
    }
    check("there and back", REACHED, await fetching(fn, to(to(near.url("/back"), far)), { headers }))
    check("what arrives", { target: "/back", headers: none }, near.reached.at(-1))
  }
)

add(
  "schemes",
  "There is no fetch, and no redirect, to another scheme than http, https, data and blob",
  ["CP-023"],
  {},
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const everything = profile("custom", { domains: ["localhost", "127.0.0.1", "etc"], eval: true })
    for (const capabilities of [null, everything, profile("permissive")]) {
      const fn = await confined(bench, capabilities)
      const { port } = upstream
      const urls = [
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        `ftp://127.0.0.1:${port}/`,
        `ws://127.0.0.1:${port}/`,
        `gopher://127.0.0.1:${port}/`,
        "about:blank",
        "javascript:1",
        `unix:///tmp/${port}`,
        `httpx://127.0.0.1:${port}/`
      ]
      const { connections } = upstream
      for (const url of urls) check(`a fetch of ${url}`, { type: true }, await fetching(fn, url))
      check("connections", connections, upstream.connections)
      if (capabilities === null) continue
      for (const url of urls) {
        const redirect = upstream.url(`/to?url=${encodeURIComponent(url)}`)
        check(`a redirect to ${url}`, { type: true }, await fetching(fn, redirect))
      }
    }
    const strange = upstream.reached.filter(({ target }) => !target.startsWith("/to?"))
    check("what arrived beside the redirects", [], strange)
  }
)

const HOP_BY_HOP = {
  Connection: "x-from-function",
  "Proxy-Connection": "from-function",
  "Keep-Alive": "from-function",
  TE: "from-function",
  Trailer: "from-function",
  "Transfer-Encoding": "from-function",
  Upgrade: "from-function",
  "Proxy-Authenticate": "from-function",
  "Proxy-Authorization": "from-function",
  "Proxy-Authentication-Info": "from-function",
  "Content-Length": "3",
  Expect: "from-function",
  Host: "from-function.example"
}

add(
  "connection-headers",
  "Host and the headers of a connection that a function sets do not leave, and methods of connections are refused",
  ["CP-024"],
  {},
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const fn = await confined(bench, profile("permissive"))
    const arrived = async (headers: Readonly<Record<string, string>>, what: string) => {
      for (const method of ["GET", "POST"]) {
        const bytes = method === "POST" ? 10 : undefined
        const init = { method, headers: { ...headers, "X-Kept": "kept" } }
        const fetched = await fetching(fn, upstream.url(), init, bytes)
        check(`a ${method} with ${what}`, REACHED, fetched)
        const last = upstream.reached.at(-1)
        holds(
          `${what} of the function's left with a ${method}`,
          !JSON.stringify(last?.headers).includes("from-function"),
          last?.headers
        )
        const expected = { "x-kept": "kept", host: `127.0.0.1:${upstream.port}` }
        check(`what arrives with ${what}`, { bytes: bytes ?? 0, headers: expected }, last)
      }
    }
    for (const [name, value] of Object.entries(HOP_BY_HOP)) await arrived({ [name]: value }, name)
    await arrived(HOP_BY_HOP, "all of them")
    const { length } = upstream.reached
    for (const method of ["CONNECT", "TRACE", "TRACK", "trace"]) {
      check(method, FAILED, await fetching(fn, upstream.url(), { method }))
    }
    check("requests of these methods", length, upstream.reached.length)
  }
)
