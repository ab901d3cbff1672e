import { Duration } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Command } from "../../src/protocol/socket/Commands.ts"
import { until } from "../support/Api.ts"
import { frameFixtures } from "../support/FrameFixtures.ts"
import { type HarnessOptions } from "../support/IpcHarness.ts"
import { invokeHello, ipcSession } from "../support/IpcSession.ts"
import { RawSocket, requestBytes } from "../support/RawSocket.ts"

const ipc = ipcSession()
const { open, start } = ipc

const echo: HarnessOptions["onSubmit"] = ({ answer, invocation }) => {
  answer({ body: invocation.body ?? new Uint8Array(0) })
  return true
}

describe("frames on the socket", () => {
  it("answers the committed refusals, and goes on", async () => {
    await start()
    const client = await open()
    for (const { bytes, expected, name } of frameFixtures("invalid")) {
      if (expected.refused === undefined) continue
      client.answers.length = 0
      client.write(bytes)
      const { payload, status } = await client.answerTo(42)
      const problem = JSON.parse(String(payload["problem"])) as {
        violations?: ReadonlyArray<{ field: string }>
      }
      expect({ name, status, code: payload["code"], field: problem.violations?.[0]?.field }).toEqual({
        name,
        ...expected.refused,
        field: expected.refused.field
      })
    }
    expect((await client.ask(1, Command.PING)).status).toBe("OK")
  })

  it("answers a broken frame where its request id came, and closes that connection only", async () => {
    await start()
    const bystander = await open()
    for (const { bytes, expected, name } of frameFixtures("invalid")) {
      const { violation } = expected
      if (violation === undefined || violation.kind === "truncated") continue
      const client = await open()
      client.write(bytes)
      await client.closed
      const refusals = client.answers.filter(({ status }) => status === "ERROR").map(({ id }) => String(id))
      expect([name, refusals]).toEqual([name, violation.request_id === null ? [] : [violation.request_id]])
    }
    expect((await bystander.ask(1, Command.PING)).status).toBe("OK")
  })

  it("tells a peer in the middle of an oversize frame why, before it hangs up", async () => {
    await start()
    const client = await open()
    const length = 20 * 1024 * 1024
    const head = Buffer.alloc(17)
    head.writeUInt32LE(length, 0)
    head.writeBigUInt64LE(5n, 4)
    head.writeUInt8(Command.INVOKE, 12)
    head.writeUInt32LE(length - 13, 13)
    client.write(head)
    client.write(Buffer.alloc(length))
    expect((await client.answerTo(5)).payload["code"]).toBe("FN_006")
    await client.closed
  })

  it("answers in the order in which results come, each with its id", async () => {
    await start()
    const client = await open()
    const ids = [1n, 2n ** 64n - 1n, 2n ** 53n + 1n]
    for (const id of ids) client.send(id, Command.INVOKE, { ...invokeHello, path: `/${id}` })
    const submissions = [
      await ipc.harness.submissions.next(),
      await ipc.harness.submissions.next(),
      await ipc.harness.submissions.next()
    ]
    for (const { answer, invocation } of submissions.toReversed()) {
      answer({ body: new TextEncoder().encode(invocation.path) })
    }
    const answers = await client.answered(3)
    expect(answers.map(({ id }) => id)).toEqual(ids.toReversed())
    for (const { id, payload } of answers) expect(atob(String(payload["body"]))).toBe(`/${id}`)
  })

  it("puts a frame together from single bytes", async () => {
    await start({ onSubmit: echo })
    const client = await open()
    client.socket.setNoDelay(true)
    for (const byte of requestBytes(9, Command.INVOKE, {
      ...invokeHello,
      method: "POST",
      body: btoa("hi")
    })) {
      await new Promise<void>((resolve) => client.socket.write(Uint8Array.of(byte), () => resolve()))
    }
    expect((await client.answerTo(9)).payload["body"]).toBe(btoa("hi"))
  })

  it("carries 10 MiB both ways, exactly, beside small requests", async () => {
    await start({ onSubmit: echo })
    const client = await open()
    const body = new Uint8Array(10 << 20)
    for (let at = 0; at < body.length; at += 65_536) crypto.getRandomValues(body.subarray(at, at + 65_536))
    client.send(1, Command.INVOKE, { ...invokeHello, method: "POST", body: body.toBase64() })
    client.send(2, Command.PING)
    const { payload } = await client.answerTo(1)
    expect(Buffer.compare(Uint8Array.fromBase64(String(payload["body"])), body)).toBe(0)
    expect((await client.answerTo(2)).status).toBe("OK")
  })

  it("refuses a body over the limit", async () => {
    await start({ maxRequestBytes: 1000 })
    const client = await open()
    const body = Buffer.alloc(1001).toString("base64")
    const { payload, status } = await client.ask(1, Command.INVOKE, { ...invokeHello, method: "POST", body })
    expect([status, payload["code"]]).toEqual(["ERROR", "FN_006"])
    expect(payload["error"]).toContain("larger than 1000 bytes; the server's option max_request_bytes")
  })

  it("says so where an answer does not fit into a frame", async () => {
    await start()
    const client = await open()
    client.send(1, Command.INVOKE, invokeHello)
    const { answer } = await ipc.harness.submissions.next()
    answer({ body: new Uint8Array(13 << 20) })
    const { payload, status } = await client.answerTo(1)
    expect([status, payload["success"], payload["code"]]).toEqual(["OK", false, "FN_004"])
  })

  it("survives anything, and goes on serving everybody else", async () => {
    await start({ onSubmit: echo, lingerTimeout: Duration.millis(10) })
    const bystander = await open()
    let serial = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 60 }),
            fc
              .record({ command: fc.integer({ min: 0, max: 255 }), payload: fc.jsonValue() })
              .map((one) => requestBytes(7, one.command, one.payload)),
            fc
              .record({ command: fc.integer({ min: 1, max: 17 }), payload: fc.uint8Array() })
              .map(({ command, payload }) =>
                Buffer.concat([requestBytes(8, command, "x").subarray(0, 12), payload])
              )
          ),
          { maxLength: 6 }
        ),
        async (pieces) => {
          const client = await RawSocket.open(ipc.harness.path)
          for (const piece of pieces) client.write(piece)
          client.socket.end()
          await client.closed
          const { status } = await bystander.ask((serial += 1), Command.PING)
          expect(status).toBe("OK")
        }
      ),
      { numRuns: 150 }
    )
    await until(
      async () => ipc.harness.server.connections(),
      (count) => count === 1
    )
    expect(ipc.harness.server.inFlight()).toBe(0)
  })
})

describe("a peer that does not keep up", () => {
  it("is read no further while it does not read, and gets every answer once it does", async () => {
    await start({ onSubmit: echo, pauseBytes: 64 * 1024 })
    const slow = await open()
    const other = await open()
    slow.socket.pause()
    const body = Buffer.alloc(2000).toString("base64")
    const count = 3000
    for (let id = 1; id <= count; id++)
      slow.send(id, Command.INVOKE, { ...invokeHello, method: "POST", body })
    await until(
      async () => slow.socket.writableLength,
      (waiting) => waiting > 0
    )
    // Others do not notice.
    expect((await other.ask(1, Command.PING)).status).toBe("OK")
    const unread = slow.socket.writableLength
    expect((await other.ask(2, Command.PING)).status).toBe("OK")
    expect(slow.socket.writableLength).toBe(unread)
    slow.socket.resume()
    const answers = await slow.answered(count)
    expect(new Set(answers.map(({ id }) => id)).size).toBe(count)
    expect(answers.every(({ payload }) => payload["success"] === true)).toBe(true)
  })

  it("loses answers that it lets pile up, and is told so", async () => {
    await start({ pauseBytes: 1 << 30, maxUnreadBytes: 3 << 20 })
    const slow = await open()
    slow.socket.pause()
    const count = 40
    for (let id = 1; id <= count; id++) slow.send(id, Command.INVOKE, invokeHello)
    for (let id = 1; id <= count; id++)
      (await ipc.harness.submissions.next()).answer({ body: new Uint8Array(1 << 20) })
    slow.socket.resume()
    const answers = await slow.answered(count)
    const dropped = answers.filter(({ status }) => status === "ERROR")
    expect(dropped.length).toBeGreaterThan(30)
    expect(new Set(dropped.map(({ payload }) => payload["code"]))).toEqual(new Set(["FN_007"]))
    expect((await slow.ask(count + 1, Command.PING)).status).toBe("OK")
  })

  it("is cut off when it leaves a frame unfinished for too long, however it trickles", async () => {
    await start({ testClock: true })
    const [whole, stalls, trickles] = [await open(), await open(), await open()]
    const frame = requestBytes(1, Command.PING, {})
    expect((await whole.ask(1, Command.PING)).status).toBe("OK")
    stalls.write(frame.subarray(0, 2))
    trickles.write(frame.subarray(0, 14))
    await ipc.harness.pass(0)
    await settled(whole)
    await ipc.harness.pass("20 seconds")
    trickles.write(frame.subarray(14, 15))
    await settled(whole)
    expect([stalls.isClosed, trickles.isClosed]).toEqual([false, false])
    await ipc.harness.pass("14 seconds")
    await Promise.all([stalls.closed, trickles.closed])
    expect(whole.isClosed).toBe(false)
    expect(ipc.harness.logged).toHaveLength(2)
  })

  it("is cut off when it does not read its answers for too long", async () => {
    await start({ testClock: true })
    const [whole, deaf] = [await open(), await open()]
    deaf.socket.pause()
    deaf.send(1, Command.INVOKE, invokeHello)
    const { answer } = await ipc.harness.submissions.next()
    answer({ body: new Uint8Array(4 << 20) })
    await ipc.harness.pass("34 seconds")
    await until(
      async () => ipc.harness.server.connections(),
      (count) => count === 1
    )
    expect(ipc.harness.server.inFlight()).toBe(0)
    expect((await whole.ask(2, Command.PING)).status).toBe("OK")
  })

  it("is left alone while it only waits", async () => {
    await start({ testClock: true })
    const client = await open()
    client.send(1, Command.INVOKE, invokeHello)
    const { answer } = await ipc.harness.submissions.next()
    await ipc.harness.pass("10 minutes")
    answer()
    expect((await client.answerTo(1)).status).toBe("OK")
  })
})

/** Two round trips: what was written before on other connections has been read by then. */
const settled = async (client: RawSocket) => {
  const next = BigInt(client.answers.length) + 1000n
  await client.ask(next, Command.PING)
  await client.ask(next + 1n, Command.PING)
}
