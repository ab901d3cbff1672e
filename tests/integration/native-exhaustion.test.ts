import { describe, expect, test } from "vitest"
import { bundleOf, goesOn, native } from "../support/HardenedWorker.ts"
import { residentFactor } from "../support/patience.ts"

describe("native code that recurses on a native worker", () => {
  const DEEP = 100_000
  const nested = (step: string, use: string, first = "[1, 2][Symbol.iterator]()") =>
    `let o = ${first}; for (let i = 0; i < ${DEEP}; i++) o = ${step}; ${use}; return new Response("done")`

  test.each([
    ["map", nested("o.map((x) => x)", "o.next()")],
    ["filter", nested("o.filter(() => true)", "o.next()")],
    ["take", nested("o.take(3)", "o.next()")],
    ["drop", nested("o.drop(1)", "o.next()")],
    ["flatMap", nested("o.flatMap((x) => [x])", "o.next()")],
    ["concat", nested("Iterator.concat(o)", "o.next()")],
    ["to an array", nested("o.map((x) => x)", "o.toArray()")],
    ["for of", nested("o.map((x) => x)", "for (const x of o);")],
    ["return", nested("o.map((x) => x)", "o.return()")],
    ["proxies: get", nested("new Proxy(o, {})", "o.x", "{}")],
    ["proxies: has", nested("new Proxy(o, {})", '"x" in o', "{}")],
    ["proxies: keys", nested("new Proxy(o, {})", "Reflect.ownKeys(o)", "{}")],
    ["proxies: prototype", nested("new Proxy(o, {})", "Object.getPrototypeOf(o)", "{}")],
    ["getters", nested("((p) => ({ get x() { return p.x } }))(o)", "o.x", "{ x: 1 }")],
    ["JSON.stringify", nested("[o]", "JSON.stringify(o)", "[]")],
    ["Array.flat", nested("[o]", "o.flat(Infinity)", "[]")],
    ["String of arrays", nested("[o]", "String(o)", "[]")],
    ["structuredClone", nested("[o]", "structuredClone(o)", "[]")],
    ["JSON.parse", `JSON.parse("[".repeat(${DEEP}))`],
    ["eval", `(0, eval)("(".repeat(${DEEP}))`]
  ])("fails that call alone: %s", async (_name, statements) => {
    const guest = await native(bundleOf(statements), 512)
    expect(await guest.failure()).toMatchObject({ code: "HANDLER_ERROR" })
    await goesOn(guest)
  })

  test.each([
    ["objects", nested("{ o }", "o = null", "null").replace("= { o }", "= ({ o })")],
    ["closures", nested("((p) => () => p)(o)", "o = null", "null")],
    ["promises", nested("((p) => new Promise((resolve) => resolve(p)))(o)", "await o", "Promise.resolve()")],
    [
      "weak maps",
      nested("((k) => { const n = {}; m.set(k, n); return n })(o)", "o = null", "{}, m = new WeakMap")
    ],
    [
      "generators",
      nested("((h) => { const g = (function* () { yield h })(); g.next(); return g })(o)", "o = null")
    ],
    ["iterators", nested("o.map((x) => x)", "o = null")],
    [
      "patterns",
      `try { new RegExp("(?:".repeat(${DEEP}) + ")*".repeat(${DEEP})).test("a") } catch {} return new Response("done")`
    ]
  ])("ends deep chains: %s", async (_name, statements) => {
    const guest = await native(bundleOf(statements), 512)
    expect(await guest.response()).toMatchObject({ text: "done" })
    await goesOn(guest)
  })
})

describe("the parts of a native worker's library", () => {
  test.each([
    ["URLPattern", `new URLPattern({ pathname: "/x" }).pathname`],
    ["crypto", "crypto.randomUUID().length"],
    ["structuredClone", "structuredClone({ a: 1 }).a"],
    ["AbortController", "new AbortController().signal.aborted"],
    ["FormData", `new FormData().get("a")`],
    ["Blob", `new Blob(["a"]).size`],
    ["ReadableStream", "typeof new ReadableStream({}).getReader()"],
    ["TextEncoder", `new TextEncoder().encode("é").length`],
    ["TextDecoder", `new TextDecoder("gbk").encoding`],
    ["URLSearchParams", `new URLSearchParams("a=b").get("a")`],
    ["console", `console.log("x") ?? "logged"`]
  ])("work although they were first needed at the end of stack or memory: %s", async (_name, use) => {
    const bundle = bundleOf(`if (path === "/stack") {
        const deep = () => { try { deep() } catch {} try { ${use} } catch {} }
        deep()
      }
      if (path === "/memory") {
        const kept = []
        for (const size of [100_000, 1_000]) try { for (;;) kept.push(new ArrayBuffer(size)) } catch {}
        try { ${use} } catch {}
        kept.length = 0
      }
      return new Response(String(${use}))`)
    const guest = await native(bundle, 48)
    const fresh = await native(bundleOf(`return new Response(String(${use}))`))
    const expected = (await fresh.response()).text
    expect((await guest.response({ path: "/stack" })).text).toBe(expected)
    const small = await native(bundle, 16)
    expect((await small.response({ path: "/memory" })).text).toBe(expected)
  })
})

describe("the memory of a native worker", () => {
  const exhausted = async (statements: string, memoryMb: number) => {
    const guest = await native(bundleOf(statements), memoryMb)
    expect(await guest.failure()).toMatchObject({ code: "OUT_OF_MEMORY" })
    expect(await guest.exit()).toBe(12)
    return guest
  }

  test("is used up by a regular expression", async () => {
    await exhausted(`/^(?:a|b)*c/.exec("ab".repeat(2e6))`, 16)
  })

  test("is used up by shared buffers", async () => {
    await exhausted(
      `const kept = []; for (;;) kept.push(new SharedArrayBuffer(1, { maxByteLength: 1e6 }))`,
      16
    )
  })

  test("is taken at once by a shared buffer that may grow, and given back", async () => {
    const guest = await native(
      bundleOf(`const seen = new Set()
      for (let i = 0; i < 50; i++) {
        const buffer = new SharedArrayBuffer(1, { maxByteLength: 4e6 })
        buffer.grow(3e6)
        const bytes = new Uint8Array(buffer).fill(7)
        seen.add([buffer.growable, buffer.byteLength, buffer.maxByteLength, bytes[2_999_999]].join())
      }
      try { new SharedArrayBuffer(1, { maxByteLength: 1e9 }) } catch (error) { seen.add(error.message) }
      return Response.json([...seen])`),
      24
    )
    expect(JSON.parse((await guest.response()).text)).toEqual(["true,3000000,4000000,7", "out of memory"])
    await goesOn(guest)
  })

  test("is used up by timers", async () => {
    await exhausted(
      `for (let i = 0; ; i++) setTimeout(inspect, 1e6)
    function inspect() {}`,
      24
    )
  })

  test("is used up by bodies that the host has not taken", async () => {
    const guest = await exhausted(
      `const body = new Uint8Array(5e6)
      await Promise.all(Array.from({ length: 400 }, () => fetch("http://x.example/", { method: "POST", body })))`,
      64
    )
    expect((guest.child.resourceUsage()?.maxRSS ?? Infinity) / 1024 / 1024).toBeLessThan(
      110 * residentFactor()
    )
  })

  test("bodies wait for the host, and come in their order; what was aborted meanwhile does not", async () => {
    const guest = await native(
      bundleOf(`const body = new Uint8Array(4e6)
      const last = new AbortController()
      for (let i = 0; i < 10; i++)
        fetch("http://x.example/" + i, { method: "POST", body, signal: i === 9 ? last.signal : null }).catch(() => {})
      for (let i = 0; i < 30; i++) await 0
      last.abort()
      return new Response("x")`),
      256
    )
    await guest.response()
    const called = (): Array<string> =>
      guest.messages.flatMap((one) =>
        one.type === "call" && one.payload.name === "fetch"
          ? [(one.payload.request?.url ?? "").slice(-1)]
          : []
      )
    await guest.next(
      (one) =>
        one.type === "call" && one.payload.name === "fetch" && (one.payload.request?.url ?? "").endsWith("8")
    )
    await guest.settled()
    expect(called()).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8"])
  })
})
