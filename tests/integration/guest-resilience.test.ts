import { describe, expect, test } from "vitest"
import { functionFixture, GuestProcess, guestRuntimes, useRuntime } from "../support/GuestProcess.ts"

describe.each(guestRuntimes)("on %s", (runtime) => {
  useRuntime(runtime)

  describe("cancellation", () => {
    test("aborts the signal, and whatever the handler then does is answered by CANCELLED", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/abort.js") })
      for (const [path, reason, why] of [
        ["/resolves", "client_gone", "the caller went away"],
        ["/rejects", "deadline", "the deadline passed"],
        ["/throws-in-listener", "deadline", "the deadline passed"]
      ] as const) {
        const id = guest.begin({ path })
        await guest.next((message) => message.type === "log" && message.id === id)
        guest.send({ id, type: "cancel", payload: { reason } })
        guest.send({ id, type: "cancel", payload: { reason } })
        expect(await guest.answer(id)).toEqual({
          type: "error",
          payload: { code: "CANCELLED", message: why }
        })
        // the listener spoke as its invocation
        expect(guest.logs(id).map(({ message }) => message)).toContain(`aborted: AbortError ${why} true`)
      }
      const inListener = await guest.logged("in the listener")
      expect(inListener.payload).toMatchObject({ level: "error" })
      expect(guest.violations).toEqual([])
    })

    test("of an unknown or answered id does nothing", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/hello.js") })
      guest.send({ id: "unknown", type: "cancel", payload: { reason: "deadline" } })
      const id = guest.begin()
      guest.send({ id, type: "cancel", payload: { reason: "deadline" } })
      expect(await guest.answer(id)).toMatchObject({ text: "hello" })
      guest.send({ id, type: "cancel" })
      await guest.settled()
      expect(guest.messages.map(({ type }) => type)).toEqual(["ready", "response", "pong"])
    })

    test("without a payload, and of one that never settles, harms nobody", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/abort.js") })
      const never = guest.begin({ path: "/never" })
      const other = guest.begin({ path: "/resolves" })
      guest.send({ id: never, type: "cancel" })
      guest.send({ id: other, type: "cancel", payload: null })
      expect(await guest.answer(other)).toMatchObject({ payload: { code: "CANCELLED" } })
      await guest.settled()
      expect(guest.messages.filter(({ id }) => id === never)).toEqual([])
    })
  })

  describe("failures outside of the handler's promise", () => {
    const cases: ReadonlyArray<readonly [path: string, message: string, stack?: string]> = [
      ["/rejection", "Unhandled rejection: Error: nobody caught this", "Error: nobody caught this"],
      ["/rejection-null", "Unhandled rejection: null was thrown"],
      ["/timer", "Uncaught exception: TypeError: thrown in a timer", "TypeError: thrown in a timer"],
      ["/tick", "Uncaught exception: Error: thrown in a tick", "Error: thrown in a tick"],
      ["/string", "Uncaught exception: a thrown string"]
    ]

    test("become error lines of their invocation, and the worker lives on", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/careless.js") })
      // process.nextTick is Node's
      const here = runtime === "bun" ? cases : cases.filter(([path]) => path !== "/tick")
      for (const [path, message, stack] of here) {
        const id = guest.begin({ path })
        expect(await guest.answer(id), path).toMatchObject({ text: "survived" })
        const logs = guest.logs(id)
        expect(logs, path).toHaveLength(1)
        expect(logs[0], path).toMatchObject({ level: "error", message })
        expect(logs[0]?.metadata?.["stack"] ?? "", path).toContain(stack ?? "")
        expect(logs[0]?.metadata?.["stack"] ?? "", path).not.toMatch(/src\/guest|node:|native/)
      }
      expect(await guest.response({ path: "/double" })).toMatchObject({ text: "first" })
      await guest.settled()
      expect(guest.violations).toEqual([])
    })

    test("an exception in a timer finds its invocation among many", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/careless.js") })
      const ids = Array.from({ length: 20 }, () => guest.begin({ path: "/timer" }))
      for (const id of ids) {
        await guest.answer(id)
        expect(guest.logs(id)).toHaveLength(1)
      }
    })
  })

  describe("a function that overwrites built-ins", () => {
    test("harms only itself", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/vandal.js") })
      for (let round = 0; round < 3; round += 1) {
        expect(await guest.response({ path: "/" })).toMatchObject({
          status: 200,
          headers: { "x-a": "1" },
          text: "still standing"
        })
        expect(await guest.response({ path: "/async" })).toMatchObject({ status: 201, text: "still async" })
        expect(await guest.failure({ path: "/throw" })).toMatchObject({ code: "HANDLER_ERROR" })
        const body = new Uint8Array([1, 2, 3])
        expect(
          await guest.response({ path: "/", method: "POST", body, headers: { a: ["1", "2"] } })
        ).toMatchObject({
          status: 200
        })
        const waiting = guest.begin({ path: "/wait" })
        await guest.settled()
        guest.send({ id: waiting, type: "cancel", payload: { reason: "deadline" } })
        expect(await guest.answer(waiting)).toMatchObject({ payload: { code: "CANCELLED" } })
      }
      guest.send({ id: "", type: "shutdown", payload: {} })
      expect(await guest.exit()).toBe(0)
      expect(guest.violations).toEqual([])
    })
  })
})

// Bun only: a function cannot end the process of the native worker, which has no `process.exit`.
describe("a function that ends the process", () => {
  test.each(["descriptor", "stdio"] as const)(
    "really ends it, after what it had said: %s",
    async (transport) => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/exits.js"), transport })
      const id = guest.begin({ path: "/exit" })
      expect(await guest.exit()).toBe(7)
      expect(guest.logs(id)).toEqual([{ level: "info", message: "last words" }])
    }
  )

  test("a large answer that was on its way still arrives", async () => {
    const guest = await GuestProcess.ready({ bundle: functionFixture("valid/exits.js") })
    const { bytes } = await guest.response({ path: "/after-large" })
    expect(bytes.length).toBe(3 * 1024 * 1024)
    expect(await guest.exit()).toBe(8)
  })

  test("killed by itself, it is gone", async () => {
    const guest = await GuestProcess.ready({ bundle: functionFixture("valid/exits.js") })
    guest.begin({ path: "/kill" })
    expect(await guest.exit()).toBe("SIGKILL")
  })

  test("an exit handler that hangs does not keep it from going with its host", async () => {
    const guest = await GuestProcess.ready({ bundle: functionFixture("valid/exits.js") })
    expect(await guest.response({ path: "/handler-that-hangs" })).toMatchObject({ text: "armed" })
    guest.hangUp()
    expect(await guest.exit()).toBe(0)
  })
})
