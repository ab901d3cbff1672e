import { fileURLToPath } from "node:url"
import { describe, expect, onTestFinished, test } from "vitest"
import { MAX_LINE_BYTES, type ResponsePayload } from "../../src/protocol/worker/Wire.ts"
import {
  functionFixture,
  type GuestOptions,
  GuestProcess,
  guestCommand,
  type GuestRuntime,
  guestRuntimes,
  useRuntime
} from "../support/GuestProcess.ts"
import { isAlive } from "../support/Processes.ts"

const hostProgram = fileURLToPath(new URL("../support/hostOfSpinningGuest.ts", import.meta.url))
const hello = functionFixture("valid/hello.js")
const transports = ["descriptor", "stdio", "pipes"] as const

const invokeLine = (id: string, rest = ""): string =>
  `{"id":"${id}","type":"invoke","payload":{"method":"GET","path":"/","headers":{},"query":{},"body":"","deadline_ms":1000${rest}}}\n`

/** What a worker says of itself in `ready`. */
const announcements: Readonly<Record<GuestRuntime, object>> = {
  bun: {
    protocol: "1.1",
    runtime: "bun",
    runtime_version: Bun.version,
    features: ["concurrency", "cancel", "ping", "load"],
    handler: "default"
  },
  "quickjs-ng": {
    protocol: "1.1",
    runtime: "quickjs-ng",
    runtime_version: "0.17.0",
    features: ["concurrency", "cancel", "ping", "load", "call"],
    handler: "default",
    pid: expect.any(Number)
  }
}

describe.each(guestRuntimes)("on %s", (runtime) => {
  useRuntime(runtime)

  const announced = announcements[runtime]

  describe.each(transports)("the worker protocol over %s", (transport) => {
    const ready = (options: GuestOptions = {}) => GuestProcess.ready({ bundle: hello, transport, ...options })

    test("is announced once, before anything else", async () => {
      const guest = await ready()
      expect(guest.messages[0]).toEqual({
        id: "",
        type: "ready",
        payload: announced
      })
      await guest.settled()
      expect(guest.messages.filter((message) => message.type === "ready")).toHaveLength(1)
    })

    test("invocations are answered under their ids", async () => {
      const guest = await ready()
      for (const id of ["a", "", 'quotes " and \\', "snow ☃ \ud800", "a"]) {
        const answer = await guest.answer(guest.begin({ id }))
        expect(answer).toMatchObject({ type: "response", text: "hello" })
        guest.messages.length = 0
      }
      expect(guest.violations).toEqual([])
    })

    test("an invocation without url or optional fields (1.0) is answered", async () => {
      const guest = await ready({ bundle: functionFixture("valid/echo.js") })
      guest.expect("old")
      guest.sendRaw(
        '{"id":"old","type":"invoke","payload":{"method":"POST","path":"/a b","headers":{"x-a":"1"},"query":{"q":"1 2","r":"&"},"body":"aGk=","deadline_ms":5}}\n'
      )
      const answer = await guest.answer("old")
      expect(answer).toMatchObject({ type: "response", text: "hi" })
      const { headers } = answer.payload as ResponsePayload
      const seen = JSON.parse(Buffer.from(headers["x-seen"] as string, "base64").toString())
      expect(seen.url).toBe("http://localhost/a%20b?q=1+2&r=%26")
    })

    test("ping is answered by pong under the same id, also while an invocation runs", async () => {
      const guest = await ready({ bundle: functionFixture("valid/abort.js") })
      guest.begin({ path: "/never" })
      guest.send({ id: "p-1", type: "ping", payload: {} })
      expect(await guest.next((message) => message.type === "pong")).toEqual({
        id: "p-1",
        type: "pong",
        payload: {}
      })
    })

    test("what is no message is noted on stderr and passed over", async () => {
      const guest = await ready()
      guest.sendRaw(
        'garbage\n\n{"id":\n[]\nnull\n"text"\n{"type":"ping"}\n{"id":5,"type":"ping"}\n{"id":"x"}\n\u0000\n'
      )
      guest.sendRaw(new Uint8Array([0x7b, 0xff, 0xfe, 0x7d, 10]))
      expect(await guest.invoke()).toMatchObject({ text: "hello" })
      guest.hangUp()
      await guest.exit()
      expect(guest.stderr.match(/not a message/g)).toHaveLength(10)
      expect(guest.violations).toEqual([])
    })

    test("the notes about stray lines are bounded", async () => {
      const guest = await ready()
      guest.sendRaw("x\n".repeat(5_000))
      expect(await guest.invoke()).toMatchObject({ text: "hello" })
      guest.hangUp()
      await guest.exit()
      expect(guest.stderr.split("\n").length).toBeLessThan(110)
    })

    test("unknown types and unknown fields are ignored", async () => {
      const guest = await ready()
      guest.send({ id: "x", type: "from_the_future", payload: { a: 1 } })
      guest.send({ id: "x", type: "result", payload: null })
      guest.expect("known")
      guest.sendRaw(invokeLine("known", ',"new_field":{"a":[1]}').replace('"type"', '"extra":1,"type"'))
      expect(await guest.answer("known")).toMatchObject({ text: "hello" })
      await guest.settled()
      expect(guest.messages.filter(({ id }) => id === "x")).toEqual([])
    })

    test("an invocation without a payload is answered by an error", async () => {
      const guest = await ready()
      for (const [id, payload] of [
        ["none", undefined],
        ["null", null],
        ["text", "x"],
        ["list", []]
      ] as const) {
        guest.send({ id, type: "invoke", payload })
        expect(await guest.answer(id)).toMatchObject({ type: "error", payload: { code: "HANDLER_ERROR" } })
      }
      guest.send({
        id: "odd",
        type: "invoke",
        payload: { method: 5, path: null, headers: "x", query: 7, body: {} }
      })
      expect(await guest.answer("odd")).toMatchObject({ text: "hello" })
    })

    test("a second invocation under an id that is in flight is passed over", async () => {
      const guest = await ready({ bundle: functionFixture("valid/relay.js") })
      guest.begin({ id: "same", path: "/wait?for=me", url: "/wait?for=me" })
      guest.sendRaw(invokeLine("same"))
      await guest.settled()
      await guest.invoke({ url: "/go?for=me" })
      expect(await guest.answer("same")).toMatchObject({ text: "me went" })
      await guest.settled()
      expect(guest.violations).toEqual([])
    })

    test("shutdown finishes what is in flight, refuses what comes after, and ends with 0", async () => {
      const guest = await ready({ bundle: functionFixture("valid/abort.js") })
      const before = guest.begin({ path: "/resolves" })
      guest.send({ id: "", type: "shutdown", payload: {} })
      const after = guest.begin({ path: "/resolves" })
      expect(await guest.answer(after)).toMatchObject({ type: "error", payload: { code: "CANCELLED" } })
      guest.send({ id: "", type: "shutdown", payload: {} })
      guest.send({ id: before, type: "cancel", payload: { reason: "deadline" } })
      expect(await guest.answer(before)).toMatchObject({ type: "error", payload: { code: "CANCELLED" } })
      expect(await guest.exit()).toBe(0)
      expect(guest.violations).toEqual([])
    })

    test("shutdown with nothing in flight ends with 0 at once", async () => {
      const guest = await ready()
      guest.send({ id: "", type: "shutdown", payload: {} })
      expect(await guest.exit()).toBe(0)
    })

    test("a host that hangs up ends the guest, also in the middle of an invocation", async () => {
      const guest = await ready({ bundle: functionFixture("valid/abort.js") })
      guest.begin({ path: "/never" })
      await guest.settled()
      guest.hangUp()
      expect(await guest.exit()).toBe(0)
    })

    test("bodies of 10 MB go both ways", async () => {
      const guest = await ready({ bundle: functionFixture("valid/echo.js") })
      const body = new Uint8Array(10_000_000)
      for (let i = 0; i < body.length; i += 1) body[i] = (i * 31 + (i >> 8)) & 255
      const { bytes } = await guest.response({ method: "POST", body })
      expect(bytes.equals(body)).toBe(true)
    })

    test("many large answers at once do not get mixed up", async () => {
      const guest = await ready({ bundle: functionFixture("valid/large.js") })
      const ids = Array.from({ length: 12 }, (_, i) =>
        guest.begin({ method: "POST", url: `/?bytes=${1_000_000 + i}`, body: new Uint8Array(i) })
      )
      for (const [i, id] of ids.entries()) {
        const answer = await guest.answer(id)
        expect(answer.type === "response" && answer.body.length).toBe(1_000_000 + i)
        expect(answer.type === "response" && answer.body.every((byte) => byte === i)).toBe(true)
      }
    })

    test("load: without a bundle it is ready at once, and again when one is loaded", async () => {
      const guest = await GuestProcess.ready({ transport })
      const early = guest.begin()
      expect(await guest.answer(early)).toMatchObject({ type: "error", payload: { code: "NO_HANDLER" } })
      guest.messages.length = 0
      guest.send({
        id: "",
        type: "load",
        payload: { bundle_path: functionFixture("valid/named-handlers.js"), handler: "second", env: {} }
      })
      await guest.next((message) => message.type === "ready")
      expect(await guest.invoke()).toMatchObject({ text: "second" })

      guest.expect("again")
      guest.send({ id: "again", type: "load", payload: { bundle_path: hello, handler: "", env: {} } })
      expect(await guest.answer("again")).toMatchObject({
        type: "error",
        payload: { code: "BUNDLE_LOAD_ERROR" }
      })
      expect(await guest.invoke()).toMatchObject({ text: "second" })
      expect(guest.violations).toEqual([])
    })

    test("load of a broken bundle is answered by an error without id, and the end", async () => {
      const guest = await GuestProcess.ready({ transport })
      guest.send({
        id: "l",
        type: "load",
        payload: { bundle_path: functionFixture("invalid/throws-at-import.js"), handler: "", env: {} }
      })
      const failed = await guest.next((message) => message.type === "error")
      expect(failed).toMatchObject({
        id: "",
        payload: { code: "BUNDLE_LOAD_ERROR", message: "TypeError: not configured" }
      })
      expect(await guest.exit()).toBe(1)
    })

    test("invocations that come while the bundle loads are answered when it has", async () => {
      const guest = await GuestProcess.start({ transport, bundle: functionFixture("valid/slow-import.js") })
      const ids = [guest.begin(), guest.begin(), guest.begin()]
      guest.send({ id: ids[1] as string, type: "cancel", payload: { reason: "client_gone" } })
      expect(await guest.answer(ids[0] as string)).toMatchObject({ text: "loaded at last" })
      expect(await guest.answer(ids[1] as string)).toMatchObject({ payload: { code: "CANCELLED" } })
      expect(await guest.answer(ids[2] as string)).toMatchObject({ text: "loaded at last" })
      const types = guest.messages.filter(({ id }) => id !== ids[1]).map(({ type }) => type)
      expect(types).toEqual(["ready", "response", "response"])
    })

    test("shutdown while the bundle loads still answers what came before it", async () => {
      const guest = await GuestProcess.start({ transport, bundle: functionFixture("valid/slow-import.js") })
      const id = guest.begin()
      guest.send({ id: "", type: "shutdown", payload: {} })
      expect(await guest.answer(id)).toMatchObject({ text: "loaded at last" })
      expect(await guest.exit()).toBe(0)
    })
  })

  describe("limits and ends", () => {
    test("an oversize line from the host ends the guest with 70", async () => {
      const guest = await GuestProcess.ready({ bundle: hello })
      guest.sendRaw(Buffer.alloc(MAX_LINE_BYTES + 2, 97))
      expect(await guest.exit()).toBe(70)
      expect(guest.stderr).toContain(`more than ${MAX_LINE_BYTES} bytes`)
    })

    test("a line of just the allowed length is taken", async () => {
      const guest = await GuestProcess.ready({ bundle: hello })
      const line = '{"id":"p","type":"ping","payload":{}'
      guest.sendRaw(`${line}${" ".repeat(MAX_LINE_BYTES - line.length - 1)}}\n`)
      await guest.next((message) => message.type === "pong" && message.id === "p")
    })

    test("a guest whose host is not its parent ends at once", async () => {
      const guest = await GuestProcess.start({
        bundle: hello,
        transport: "stdio",
        env: { BUNBASE_HOST_PID: "1" }
      })
      expect(await guest.exit()).toBe(0)
      expect(guest.messages).toEqual([])
    })

    test("a descriptor that is no socket is refused with 70", async () => {
      const guest = await GuestProcess.start({
        bundle: hello,
        transport: "stdio",
        env: { BUNBASE_PROTOCOL_FD: "2000" }
      })
      expect(await guest.exit()).toBe(70)
      expect(guest.stderr).toContain("transport could not be opened")
    })

    test("a guest that spins goes with its host", async () => {
      const host = Bun.spawn(
        [process.execPath, hostProgram, functionFixture("valid/spins.js"), ...guestCommand(runtime)],
        {
          stdio: ["ignore", "pipe", "inherit"]
        }
      )
      onTestFinished(() => host.kill("SIGKILL"))
      const output = host.stdout.getReader()
      const { value } = await output.read()
      const pid = Number(Buffer.from(value as Uint8Array).toString())
      expect(isAlive(pid)).toBe(true)
      host.kill("SIGKILL")
      // the guest has the host's output too: it ends when both are gone
      while (!(await output.read()).done) continue
      await expect.poll(() => isAlive(pid)).toBe(false)
    })
  })
})
