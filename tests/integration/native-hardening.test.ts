import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { ForkedWorker, ForkServer } from "../support/ForkServer.ts"
import { functionFixture, GuestProcess, guestRuntimes, nativeProgram } from "../support/GuestProcess.ts"
import { residentFactor } from "../support/patience.ts"

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), "bunbase-hardening-"))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A bundle whose handler has these statements; `/ok` is answered with "ok". */
const bundleOf = (statements: string, before = ""): string => {
  const path = join(folder(), "function.js")
  writeFileSync(
    path,
    `${before}
export default async (request) => {
  const path = new URL(request.url).pathname
  if (path === "/ok") return new Response("ok");
  ${statements}
}
`
  )
  return path
}

const native = (bundle: string, memoryMb = 64, env: Readonly<Record<string, string>> = {}) =>
  GuestProcess.ready({
    runtime: "quickjs-ng",
    bundle,
    env: { BUNBASE_MEMORY_MB: String(memoryMb), ...env }
  })

const goesOn = async (guest: GuestProcess): Promise<void> => {
  expect(await guest.response({ path: "/ok" })).toMatchObject({ text: "ok" })
  expect(guest.violations).toEqual([])
}

describe.each(guestRuntimes)("the functions of the %s worker's library", (runtime) => {
  test("cannot be had from a stack", async () => {
    const bundle = bundleOf(
      `const seen = stacks.concat([new Error().stack])
      return Response.json(seen.flatMap((frames) => [...frames]).map((frame) =>
        [...names(Object.getPrototypeOf(frame))].filter((name) => {
          try { return typeof frame[name]() === "function" || typeof frame[name]() === "object" && frame[name]() !== null }
          catch { return false }
        })).flat())`,
      `const stacks = []
      const names = (of) => new Set(Object.getOwnPropertyNames(of).filter((name) => /^(get|is)/.test(name)))
      Error.prepareStackTrace = (error, frames) => frames
      const thenable = { then(resolve) { stacks.push(new Error().stack); resolve(1) } }
      await thenable
      setTimeout(() => stacks.push(new Error().stack))
      await new Promise((resolve) => setTimeout(resolve, 1))`
    )
    const guest = await GuestProcess.ready({ runtime, bundle })
    expect((await guest.response()).text).toBe("[]")
  })

  test("cannot be had from caller and arguments, nor from what the language looks up", async () => {
    const bundle = bundleOf(
      `const response = new Response("seen " + inspect())
      return response`,
      `const found = []
      const internal = (value) => {
        if (typeof value !== "object" || value === null) return false
        try { return "quotedId" in value || "sendResponse" in value || "flushThenExit" in value } catch { return false }
      }
      const look = (value) => { if (internal(value)) found.push(Object.keys(value).join()) }
      const spied = [Array, Map, Set, WeakMap, WeakSet, String, RegExp, Promise, Function].map((one) => one.prototype)
      const { apply } = Reflect
      for (const prototype of spied) for (const name of Reflect.ownKeys(prototype)) {
        const { value, configurable } = Object.getOwnPropertyDescriptor(prototype, name)
        if (typeof value !== "function" || name === "constructor" || !configurable) continue
        Object.defineProperty(prototype, name, { configurable: true, writable: true, value(...args) {
          look(this)
          for (let i = 0; i < args.length; i += 1) look(args[i])
          return apply(value, this, args)
        } })
      }
      for (const name of ["0", "1", "id", "signal", "payload", "deadline"])
        Object.defineProperty(Object.prototype, name, { configurable: true,
          get() { look(this); return undefined },
          set(value) { look(this); look(value); Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true }) } })
      function inspect() {
        for (const name of ["caller", "arguments"]) {
          try { look(inspect[name]); if (inspect[name] != null) found.push(name) } catch {}
        }
        return found.length
      }`
    )
    const guest = await GuestProcess.ready({ runtime, bundle })
    for (let round = 0; round < 3; round += 1)
      expect(await guest.response({ headers: { a: "b" }, body: "x", method: "POST" })).toMatchObject({
        text: "seen 0"
      })
  })
})

describe("unhandled rejections on a native worker", () => {
  const MANY = 300_000
  const SHOWN = 100

  test("are told of in bounded time and lines, however many", async () => {
    const guest = await native(
      bundleOf(`for (let i = 0; i < ${MANY}; i++) Promise.reject(i); return new Response("x")`),
      256
    )
    const id = guest.begin()
    await guest.answer(id)
    await goesOn(guest)
    const rest = await guest.logged("more unhandled rejections are not shown")
    expect(rest.payload).toMatchObject({ level: "warn" })
    expect(rest.payload.message).toContain(String(MANY - SHOWN))
    const lines = guest.messages.filter(({ type }) => type === "log")
    expect(lines).toHaveLength(SHOWN + 1)
    expect(lines[0]).toMatchObject({ payload: { message: "Unhandled rejection: 0 was thrown" } })
  })

  test("without end leave no memory, which is said, and the worker ends", async () => {
    const guest = await native(bundleOf(`for (let i = 0; ; i++) Promise.reject(i)`), 16)
    expect(await guest.failure({ path: "/" })).toMatchObject({ code: "OUT_OF_MEMORY" })
    expect(await guest.exit()).toBe(12)
  })

  test("are those that nobody handled in time, in their order", async () => {
    const guest = await native(
      bundleOf(`const held = []
      for (let i = 0; i < 20_000; i++) {
        const one = Promise.reject("number " + i)
        if (i % 1000 === 7) continue
        if (i % 3 === 0) held.push(one)
        else one.catch(() => {})
      }
      for (const one of held.reverse()) one.catch(() => {})
      return new Response("x")`),
      128
    )
    await guest.response()
    await guest.logged("number 19007")
    const told = guest.messages.flatMap((one) => (one.type === "log" ? [one.payload.message] : []))
    expect(told).toEqual(Array.from({ length: 20 }, (_, i) => `Unhandled rejection: number ${i * 1000 + 7}`))
  })
})

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

describe("a deadline on a native worker", () => {
  test("is kept where the engine passes over what was thrown", async () => {
    const guest = await native(
      bundleOf(`Error.stackTraceLimit = { valueOf() { for (;;); } }
      for (;;) new Error("a")`)
    )
    expect(await guest.failure({ deadlineMs: 100 })).toMatchObject({ code: "CANCELLED" })
    await goesOn(guest)
  })

  test("is not outrun by a derivation of keys", async () => {
    const guest = await native(
      bundleOf(`const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"])
      const derived = crypto.subtle.deriveBits(
        { name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(8), iterations: 100_000_000 }, key, 256)
      return new Response(await derived.catch((error) => error.name + ": " + error.message))`)
    )
    expect((await guest.response()).text).toMatch(/^OperationError: PBKDF2 makes at most 10000000 iterations/)
  })
})

describe("a native worker whose stdin is no stream", () => {
  const run = async (stdin: Bun.BunFile) => {
    const child = Bun.spawn([nativeProgram, "--bundle", functionFixture("valid/hello.js")], {
      stdio: [stdin, "pipe", "pipe"],
      env: { PATH: "/usr/bin:/bin" }
    })
    onTestFinished(() => child.kill("SIGKILL"))
    const said = (await new Response(child.stdout).text()).trim().split("\n")
    return {
      code: await child.exited,
      types: said.map((line) => (JSON.parse(line) as { type: string }).type)
    }
  }

  test("reads a file to its end", async () => {
    const path = join(folder(), "lines")
    const call = { method: "GET", path: "/", url: "/", headers: {}, query: {}, body: "" }
    const lines = [
      { id: "p", type: "ping", payload: {} },
      { id: "i", type: "invoke", payload: call }
    ]
    writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
    const { code, types } = await run(Bun.file(path))
    expect(types[0]).toBe("ready")
    expect(types.toSorted()).toEqual(["pong", "ready", "response"])
    expect(code).toBe(0)
  })

  test("ends with /dev/null", async () => {
    expect(await run(Bun.file("/dev/null"))).toEqual({ code: 0, types: ["ready"] })
  })
})

describe("the kernel's limits of a native worker", () => {
  const limits = { memory_mb: 64, stack_kb: 256, cpu_seconds: 77, max_fds: 33, max_processes: 4321 }
  const held = (pid: number) => {
    const text = readFileSync(`/proc/${pid}/limits`, "utf8")
    const of = (name: string): string =>
      new RegExp(`^${name} +(\\S+) +(\\S+)`, "m").exec(text)?.slice(1).join(" ") ?? ""
    return [of("Max cpu time"), of("Max open files"), of("Max processes"), of("Max core file size")]
  }
  const expected = ["77 77", "33 33", "4321 4321", "0 0"]

  test("are those of its environment", async () => {
    const guest = await native(functionFixture("valid/hello.js"), 64, {
      BUNBASE_CPU_SECONDS: "77",
      BUNBASE_MAX_FDS: "33",
      BUNBASE_MAX_PROCESSES: "4321"
    })
    expect(held(guest.child.pid)).toEqual(expected)
  })

  test("are those of its load, in a fork as well", async () => {
    const server = await ForkServer.start()
    const worker = await ForkedWorker.ready(server.path)
    expect(await worker.load(functionFixture("valid/hello.js"), { limits })).toMatchObject({ type: "ready" })
    expect(held(worker.pid)).toEqual(expected)
    expect(held(server.child.pid)).not.toEqual(expected)
  })

  test.each(["9223372036854775807", "17592186044416", "4611686018427387904"])(
    "may be larger than any machine: %s",
    async (huge) => {
      const env = { BUNBASE_MEMORY_MB: huge, BUNBASE_STACK_KB: huge, BUNBASE_CPU_SECONDS: huge }
      await goesOn(await native(bundleOf(""), 0, env))
    }
  )
})

describe("a fork server without descriptors", () => {
  test("refuses connections, says why, and takes them again", async () => {
    const server = await ForkServer.start()
    const { pid } = server.child
    const limitTo = async (soft: number): Promise<void> => {
      const command = ["prlimit", "--pid", String(pid), `--nofile=${soft}:`]
      expect(await Bun.spawn(command, { stdio: ["ignore", "ignore", "inherit"] }).exited).toBe(0)
    }
    const before = Number(/^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1])
    await limitTo(readdirSync(`/proc/${pid}/fd`).length)
    for (let i = 0; i < 3; i += 1) {
      const connected = ForkedWorker.connect(server.path)
      expect(await connected.then((worker) => worker.next()).catch(() => null)).toBe(null)
      expect(await server.next()).toMatchObject({ type: "fork_failed", payload: { errno: "EMFILE" } })
    }
    await limitTo(before)
    const worker = await ForkedWorker.ready(server.path)
    expect(await worker.load(functionFixture("valid/hello.js"))).toMatchObject({ type: "ready" })
  })
})
