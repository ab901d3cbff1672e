import { describe, expect, test } from "vitest"
import { functionFixture, GuestProcess } from "../support/GuestProcess.ts"

const MEMORY_MB = 24
const exhausts = (env: Readonly<Record<string, string>> = {}) =>
  GuestProcess.ready({
    runtime: "quickjs-ng",
    bundle: functionFixture("valid/exhausts.js"),
    env: { BUNBASE_MEMORY_MB: String(MEMORY_MB), ...env }
  })

describe("a native worker at an invocation's deadline", () => {
  test.each([
    "/spin",
    "/spin-after-await",
    "/spin-in-finally",
    "/spin-in-catch",
    "/spin-in-regexp",
    "/spin-in-timer",
    "/microtasks"
  ])("stops code that does not give the thread back, and goes on: %s", async (path) => {
    const guest = await exhausts()
    const answer = await guest.answer(guest.begin({ path, deadlineMs: 100 }))
    expect(answer).toMatchObject({
      type: "error",
      payload: { code: "CANCELLED", message: "the deadline passed" }
    })
    expect(await guest.response({ path: "/ok" })).toMatchObject({ text: "ok" })
    await guest.settled()
    expect(guest.violations).toEqual([])
  })

  test("says what was logged before the loop", async () => {
    const guest = await exhausts()
    const id = guest.begin({ path: "/spin", deadlineMs: 300 })
    expect(await guest.logged("spinning")).toMatchObject({ id })
    await guest.answer(id)
  })

  test("lets the code of others run on", async () => {
    const guest = await exhausts()
    const late = guest.begin({ path: "/never", deadlineMs: 1 })
    for (let i = 0; i < 20; i += 1)
      expect(await guest.failure({ path: "/recursion" })).toMatchObject({ code: "HANDLER_ERROR" })
    guest.send({ id: late, type: "cancel", payload: { reason: "deadline" } })
    expect(await guest.response({ path: "/ok" })).toMatchObject({ text: "ok" })
    expect(guest.messages.filter(({ id }) => id === late)).toEqual([])
  })

  test.each(["/microtasks", "/timers"])("answers others while one never rests: %s", async (path) => {
    const guest = await exhausts()
    guest.begin({ path })
    expect(await guest.response({ path: "/ok" })).toMatchObject({ text: "ok" })
    await guest.settled()
  })
})

describe("a native worker whose function recurses without end", () => {
  test.each(["/recursion", "/recursion-async", "/recursion-json"])(
    "fails that call alone: %s",
    async (path) => {
      const guest = await exhausts({ BUNBASE_MEMORY_MB: "256" })
      for (let round = 0; round < 3; round += 1) {
        const error = await guest.failure({ path })
        expect(error).toMatchObject({ code: "HANDLER_ERROR", message: "Maximum call stack size exceeded" })
        expect(error.stack).toContain("RangeError")
      }
      expect(await guest.response({ path: "/ok" })).toMatchObject({ text: "ok" })
    }
  )

  test("has the stack that it is given", async () => {
    const depth = async (kilobytes: number): Promise<number> => {
      const guest = await GuestProcess.ready({
        runtime: "quickjs-ng",
        bundle: functionFixture("valid/depth.js"),
        env: { BUNBASE_STACK_KB: String(kilobytes) }
      })
      return Number((await guest.response()).text)
    }
    const small = await depth(128)
    const large = await depth(1024)
    expect(small).toBeGreaterThan(50)
    expect(large).toBeGreaterThan(small * 4)
  })
})

describe("a native worker whose memory is used up", () => {
  test.each(["/memory", "/memory-after-await", "/memory-in-timer", "/memory-bytes", "/memory-at-once"])(
    "says so to everybody in flight, and ends: %s",
    async (path) => {
      const guest = await exhausts()
      const waiting = guest.begin({ path: "/never" })
      const id = guest.begin({ path })
      for (const one of [id, waiting]) {
        expect(await guest.answer(one)).toMatchObject({ type: "error", payload: { code: "OUT_OF_MEMORY" } })
      }
      expect(await guest.exit()).toBe(12)
      expect(guest.violations).toEqual([])
    }
  )

  test("says so whatever it is that an await finds no memory for", async () => {
    for (let offset = 0; offset < 20; offset += 1) {
      const guest = await exhausts({ BUNBASE_MEMORY_MB: "5" })
      expect(await guest.failure({ url: `/memory-awaiting?offset=${offset}` })).toMatchObject({
        code: "OUT_OF_MEMORY"
      })
      expect(await guest.exit()).toBe(12)
    }
  })

  test("goes on where the function coped with it", async () => {
    const guest = await exhausts()
    for (let round = 0; round < 3; round += 1)
      expect(await guest.response({ path: "/memory-caught" })).toMatchObject({
        text: "caught: out of memory"
      })
    expect(await guest.response({ path: "/ok" })).toMatchObject({ text: "ok" })
  })

  test("says so where the bundle itself needs too much", async () => {
    const guest = await GuestProcess.start({
      runtime: "quickjs-ng",
      bundle: functionFixture("invalid/allocates-at-import.js"),
      env: { BUNBASE_MEMORY_MB: String(MEMORY_MB) }
    })
    expect(await guest.next(({ type }) => type === "error")).toMatchObject({
      id: "",
      payload: { code: "OUT_OF_MEMORY" }
    })
    expect(await guest.exit()).toBe(1)
  })

  test("has the limits of a load message", async () => {
    const guest = await GuestProcess.ready({ runtime: "quickjs-ng" })
    const load = {
      bundle_path: functionFixture("valid/exhausts.js"),
      handler: "",
      env: {},
      limits: { memory_mb: MEMORY_MB, stack_kb: 256, cpu_seconds: 100, max_fds: 32, max_processes: 64 }
    }
    guest.send({ id: "", type: "load", payload: load })
    expect(await guest.failure({ path: "/memory" })).toMatchObject({ code: "OUT_OF_MEMORY" })
    expect(await guest.exit()).toBe(12)
  })
})
