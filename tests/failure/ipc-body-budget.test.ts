import { Deferred, Duration, Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Command } from "../../src/protocol/socket/Commands.ts"
import { deploymentView } from "../support/IpcHarness.ts"
import { ipcSession } from "../support/IpcSession.ts"
import { RawSocket, requestBytes } from "../support/RawSocket.ts"

/** What the clients of the socket send is bounded in sum, whoever sends it. */

const LIMIT = 400_000

const ipc = ipcSession({ maxBufferedBytes: LIMIT }, ({ bodies }) => bodies.empty())
const { open, start } = ipc

const invokeWith = (id: number, bodyBytes: number): Uint8Array =>
  requestBytes(id, Command.INVOKE, {
    function_id: "hello-world",
    method: "POST",
    path: `/${id}`,
    body: new Uint8Array(bodyBytes).toBase64()
  })
const payloadLength = (frame: Uint8Array): number => frame.length - 17

describe("when the payloads of others take all the room", () => {
  it("a frame is refused at its head; the connection goes on, also with what follows it", async () => {
    await start()
    const [slow, client] = [await open(), await open()]
    const big = invokeWith(1, 200_000)
    // Its head and a little more: nothing but the length says what is to come.
    slow.write(big.subarray(0, 100))
    await ipc.harness.bodies.holds(payloadLength(big))

    client.write(invokeWith(2, 150_000))
    const { payload, status } = await client.answerTo(2)
    expect([status, payload["code"]]).toEqual(["ERROR", "FN_007"])
    expect(JSON.parse(String(payload["problem"]))).toMatchObject({ retryable: true, retry_after_seconds: 1 })
    expect(payload["error"]).toContain("max_buffered_bytes")
    expect((await client.ask(3, Command.PING)).status).toBe("OK")

    slow.leave()
    await ipc.harness.bodies.empty()
    client.write(invokeWith(4, 150_000))
    const { answer, invocation } = await ipc.harness.submissions.next()
    expect(invocation.body?.length).toBe(150_000)
    answer()
    expect((await client.answerTo(4)).status).toBe("OK")
  })

  it("a client that stalls in such a frame is cut off like any other", async () => {
    await start({ testClock: true, stallTimeout: Duration.seconds(10), maxBufferedBytes: 1000 })
    const client = await open()
    client.write(invokeWith(1, 5000).subarray(0, 200))
    expect((await client.answerTo(1)).payload["code"]).toBe("FN_007")
    await ipc.harness.pass("12 seconds")
    await client.closed
  })
})

describe("a payload has its place", () => {
  it("until its invocation is answered", async () => {
    await start()
    const client = await open()
    const frame = invokeWith(1, 100_000)
    client.write(frame)
    const { answer } = await ipc.harness.submissions.next()
    expect(ipc.harness.bodies.budget.held()).toBe(payloadLength(frame))
    answer()
    await client.answerTo(1)
    expect(ipc.harness.bodies.budget.held()).toBe(0)
  })

  it("until its client goes away, and the invocation then lets go of the body", async () => {
    await start()
    const client = await open()
    client.write(invokeWith(1, 100_000))
    const { cancelled, invocation } = await ipc.harness.submissions.next()
    client.leave()
    await ipc.harness.bodies.empty()
    expect([cancelled(), invocation.body]).toEqual([true, null])
  })

  it("until a deployment has ended, even when its client has left", async () => {
    const gate = Deferred.unsafeMake<void>(Effect.runSync(Effect.fiberId))
    const begun = Promise.withResolvers<void>()
    await start({
      functions: {
        deploy: (name, { version }) =>
          Effect.sync(begun.resolve).pipe(
            Effect.zipRight(Deferred.await(gate)),
            Effect.as(deploymentView(name, version))
          )
      }
    })
    const client = await open()
    const frame = requestBytes(1, Command.DEPLOY_FUNCTION, {
      function_id: "hello-world",
      version: "v1",
      bundle: "x".repeat(300_000)
    })
    client.write(frame)
    await begun.promise
    client.leave()
    const other = await open()
    other.write(invokeWith(2, 100_000))
    expect((await other.answerTo(2)).payload["code"]).toBe("FN_007")
    expect(ipc.harness.bodies.budget.held()).toBe(payloadLength(frame))
    Effect.runSync(Deferred.succeed(gate, undefined))
    await ipc.harness.bodies.empty()
  })
})

it("nothing leaks, whatever clients do beside each other", { timeout: 60_000 }, async () => {
  await start({
    onSubmit: ({ answer, invocation }) => {
      // Half of them are answered; the others wait until their client leaves.
      if (Number(invocation.path.slice(1)) % 2 === 0) answer()
      return true
    }
  })
  const client = fc.array(
    fc.record({ bytes: fc.nat(60_000), sent: fc.constantFrom(0, 0.3, 0.99, 1, 1, 1, 1) }),
    { minLength: 1, maxLength: 6 }
  )
  let serial = 0
  await fc.assert(
    fc.asyncProperty(fc.array(client, { minLength: 1, maxLength: 6 }), async (plans) => {
      await Promise.all(
        plans.map(async (plan) => {
          const raw = await RawSocket.open(ipc.harness.path)
          let due = 0
          for (const { bytes, sent } of plan) {
            const frame = invokeWith((serial += 1), bytes)
            raw.write(frame.subarray(0, Math.floor(frame.length * sent)))
            // What follows a part of a frame would be taken for the rest of it.
            if (sent < 1) break
            if (serial % 2 === 0) due += 1
          }
          // An odd one may be refused, and count as well.
          await raw.answered(due)
          raw.leave()
        })
      )
      await ipc.harness.bodies.empty()
    }),
    { numRuns: 40 }
  )
  expect(ipc.harness.bodies.most()).toBeGreaterThan(0)
})
