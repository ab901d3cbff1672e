import { afterEach, describe, expect, it } from "vitest"
import { profileCapabilities } from "../domain/Capabilities.ts"
import type { FetchRequest, ResultPayload } from "../protocol/worker/Wire.ts"
import { CALLS_PER_INVOCATION, CALLS_PER_WORKER, HostCalls } from "./HostCalls.ts"
import { fetchBudget } from "./HostFetch.ts"

let server: Bun.Server<undefined> | null = null
afterEach(async () => {
  await server?.stop(true)
  server = null
})

/** Calls to a server that answers `/now`, and anything else when it is told to. */
const open = () => {
  const waiting: Array<() => void> = []
  let arrived = 0
  let left = 0
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (request.url.endsWith("/now")) return new Response("now")
      if (request.url.endsWith("/large")) return new Response("x".repeat(600))
      arrived += 1
      request.signal.addEventListener("abort", () => (left += 1))
      await new Promise<void>((resolve) => waiting.push(resolve))
      return new Response("later")
    }
  })
  const { origin } = server.url
  const results: Array<{ readonly invocation: string; readonly result: ResultPayload }> = []
  const unread: Array<() => void> = []
  const calls = new HostCalls(
    {
      capabilities: profileCapabilities.permissive,
      maxBodyBytes: 1024,
      budget: fetchBudget(1024)
    },
    (invocation, result, sent) => {
      results.push({ invocation, result })
      unread.push(sent)
    }
  )
  const request = (path: string, body: string): FetchRequest => ({
    url: origin + path,
    method: body === "" ? "GET" : "POST",
    headers: {},
    body,
    redirect: "follow"
  })
  return {
    calls,
    results,
    /** The worker reads what it was answered. */
    read: () => {
      for (const sent of unread.splice(0)) sent()
    },
    fetch: (invocation: string, call_id: string, path = "/later", budgetMs = 60_000, body = "") =>
      calls.take(invocation, { call_id, name: "fetch", request: request(path, body) }, budgetMs),
    arrived: () => arrived,
    left: () => left,
    answer: () => {
      for (const resolve of waiting) resolve()
    },
    stories: () =>
      results.map(({ invocation, result }) => {
        const end = result.ok
          ? String(result.response.status)
          : `${result.error.name}: ${result.error.message}`
        return `${invocation} ${result.call_id} ${end}`
      })
  }
}
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(1)
}

describe("what a worker has its host do", () => {
  it("is answered under its own id, in the order in which it is done", async () => {
    const host = open()
    host.fetch("a", "1")
    host.fetch("b", "2", "/now")
    await until(() => host.results.length === 1 && host.arrived() === 1)
    host.answer()
    await until(() => host.results.length === 2)
    expect(host.stories()).toEqual(["b 2 200", "a 1 200"])
    expect(host.calls.underWay).toBe(0)
  })

  it("ends with the invocation's time", async () => {
    const host = open()
    host.fetch("a", "1", "/later", 20)
    await until(() => host.results.length === 1)
    expect(host.stories()).toEqual(["a 1 TimeoutError: the invocation's time is over"])
    await until(() => host.left() === 1)
  })

  it("ends when the invocation is given up, and no other's with it", async () => {
    const host = open()
    host.fetch("a", "1")
    host.fetch("a", "2")
    host.fetch("b", "3")
    await until(() => host.arrived() === 3)
    host.calls.cancel("a")
    await until(() => host.results.length === 2)
    expect(host.stories().sort()).toEqual([
      "a 1 AbortError: the invocation was given up",
      "a 2 AbortError: the invocation was given up"
    ])
    host.answer()
    await until(() => host.results.length === 3)
    expect(host.stories()[2]).toBe("b 3 200")
  })

  it("is dropped without a word when the worker aborts it, or is gone", async () => {
    const host = open()
    host.fetch("a", "1")
    host.fetch("a", "2")
    await until(() => host.arrived() === 2)
    host.calls.take("a", { call_id: "1", name: "abort" }, 0)
    host.calls.take("a", { call_id: "unknown", name: "abort" }, 0)
    expect(host.calls.underWay).toBe(1)
    host.calls.close()
    expect(host.calls.underWay).toBe(0)
    await until(() => host.left() === 2)
    expect(host.results).toEqual([])
  })

  it("is bounded, for each invocation and for all of a worker; beyond is refused at once", async () => {
    const host = open()
    for (let i = 0; i <= CALLS_PER_INVOCATION; i += 1) host.fetch("a", `a${i}`)
    expect(host.stories()).toEqual([
      expect.stringMatching(
        `^a a${CALLS_PER_INVOCATION} TypeError: more than ${CALLS_PER_INVOCATION} fetches`
      )
    ])
    for (let i = 0; host.calls.underWay < CALLS_PER_WORKER; i += 1) host.fetch(`b${i}`, `b${i}`)
    host.fetch("c", "c")
    expect(host.results).toHaveLength(2)
    expect(host.calls.underWay).toBe(CALLS_PER_WORKER)
    host.calls.close()
  })

  it("is nothing that the host does not know, and no call twice", async () => {
    const host = open()
    host.calls.take("a", { call_id: "1", name: "exec" }, 1_000)
    host.calls.take("a", { call_id: "2", name: "fetch" }, 1_000)
    host.fetch("a", "3")
    host.fetch("a", "3")
    expect(host.stories()).toEqual([
      'a 1 TypeError: the host has no call "exec"',
      'a 2 TypeError: the host has no call "fetch"',
      "a 3 TypeError: a call with this id is under way"
    ])
    host.calls.close()
  })
})

describe("what is held of bodies", () => {
  it("is held until the worker has read its answer, not only until that is written", async () => {
    const own = open()
    own.fetch("a", "1", "/large")
    await until(() => own.results.length === 1)
    own.fetch("a", "2", "/large")
    await until(() => own.results.length === 2)
    expect(own.stories()[1]).toContain("too many fetched bytes")
    own.read()
    own.fetch("a", "3", "/large")
    await until(() => own.results.length === 3)
    expect(own.results[2]?.result.ok).toBe(true)
  })

  it("counts the bodies of requests that are under way, and no longer", async () => {
    const own = open()
    const body = Buffer.from("y".repeat(600)).toString("base64")
    own.fetch("a", "1", "/later", 60_000, body)
    own.fetch("a", "2", "/later", 60_000, body)
    expect(own.stories()[0]).toContain("too many fetched bytes")
    await until(() => own.arrived() === 1)
    own.calls.close()
    own.fetch("a", "3", "/now", 60_000, body)
    await until(() => own.results.length === 2)
    expect(own.results[1]?.result.ok).toBe(true)
  })
})
