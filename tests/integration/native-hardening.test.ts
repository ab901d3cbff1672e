import { describe, expect, test } from "vitest"
import { GuestProcess, guestRuntimes } from "../support/GuestProcess.ts"
import { bundleOf, goesOn, native } from "../support/HardenedWorker.ts"

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
