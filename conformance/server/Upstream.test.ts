import { afterEach, describe, expect, it } from "vitest"
import type { Bench } from "./Bench.ts"
import { Upstream } from "./Upstream.ts"

const ends: Array<() => Promise<void> | void> = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const start = (): Promise<Upstream> => {
  const bench: Pick<Bench, "signal" | "after"> = {
    signal: new AbortController().signal,
    after: (end) => void ends.push(end)
  }
  return Upstream.start(bench as Bench)
}

describe("Upstream", () => {
  it("says what reached it, and when the body is whole", async () => {
    const upstream = await start()
    const headers = { "X-Own": "1" }
    const response = await fetch(upstream.url("/a?b=c"), { method: "PUT", headers, body: "12345" })
    expect(await response.text()).toBe("reached")
    expect(upstream.reached).toMatchObject([
      { method: "PUT", target: "/a?b=c", bytes: 5, headers: { "x-own": "1" } }
    ])
    expect(upstream.connections).toBe(1)
  })

  it("holds back answers until a gate is opened, and tells who has left", async () => {
    const upstream = await start()
    const first = fetch(upstream.url("/hold/a"))
    const leaving = new AbortController()
    const second = fetch(upstream.url("/hold/b"), { signal: leaving.signal }).catch(
      (error: Error) => error.name
    )
    await upstream.untilWaiting("a")
    await upstream.untilWaiting("b")
    expect([upstream.waiting(), upstream.most]).toEqual([2, 2])
    leaving.abort()
    expect(await second).toBe("AbortError")
    await expect.poll(() => upstream.left("b")).toBe(1)
    expect([upstream.waiting("b"), upstream.waiting()]).toEqual([0, 1])
    upstream.release("a")
    expect(await (await first).text()).toBe("open")
    upstream.open("a")
    expect(await (await fetch(upstream.url("/hold/a"))).text()).toBe("open")
    expect(upstream.waiting()).toBe(0)
  })

  it("redirects, once or so often", async () => {
    const upstream = await start()
    const to = upstream.url(`/to?status=307&url=${encodeURIComponent(upstream.url("/there"))}`)
    const response = await fetch(to, { redirect: "manual" })
    expect([response.status, response.headers.get("location")]).toEqual([307, upstream.url("/there")])
    expect(await (await fetch(upstream.url("/hops/3"))).text()).toBe("reached")
    expect(upstream.reached.map(({ target }) => target).slice(1)).toEqual([
      "/hops/3",
      "/hops/2",
      "/hops/1",
      "/hops/0"
    ])
  })

  it.each([
    ["/bytes?n=70000", "70000", null],
    ["/bytes?n=70000&chunked", null, null],
    ["/bytes?n=70000&chunked&gzip", null, "gzip"]
  ])("answers %s with so many bytes", async (path, length, encoding) => {
    const upstream = await start()
    const response = await fetch(upstream.url(path))
    expect([response.headers.get("content-length"), response.headers.get("content-encoding")]).toEqual([
      length,
      encoding
    ])
    expect((await response.arrayBuffer()).byteLength).toBe(70_000)
  })
})
