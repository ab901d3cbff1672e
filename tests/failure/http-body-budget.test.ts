import * as fc from "fast-check"
import { Deferred, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { ExecutionTimeout } from "../../src/domain/Errors.ts"
import {
  answer,
  deploymentView,
  type GatewayUnderTest,
  mirror,
  startGateway,
  type Submission,
  testTarget
} from "../support/GatewayUnderTest.ts"
import { RawConnection, type RawResponse } from "../support/RawHttp.ts"

/** Each body is within its own limit here; it is their sum that does not fit. */

const LIMIT = 100_000
const config = { maxBufferedBytes: LIMIT, maxRequestBytes: LIMIT }
const head = (path: string, rest: string) =>
  `POST /functions/hello${path} HTTP/1.1\r\nHost: a\r\n${rest}\r\n\r\n`
const declared = (bytes: number) => `Content-Length: ${bytes}`
const chunked = "Transfer-Encoding: chunked"
const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${"x".repeat(bytes)}\r\n`

const expectNoRoom = (response: RawResponse | null) => {
  expect(response?.status).toBe(429)
  expect(response?.header("x-function-error")).toBe("FN_007")
  expect(response?.header("retry-after")).toBe("1")
  expect(JSON.parse(response?.body.toString() ?? "")).toMatchObject({
    code: "FN_007",
    retryable: true,
    detail: expect.stringContaining(`${LIMIT} bytes (max_buffered_bytes)`),
    invocation_id: expect.any(String)
  })
}

/** A client that has declared a body and sent none of it. */
const slowUpload = async (gateway: GatewayUnderTest, bytes: number): Promise<RawConnection> => {
  const connection = await RawConnection.open(gateway.port)
  const before = gateway.bodies.budget.held()
  const counted = gateway.bodies.holds(before + bytes)
  connection.write(head("/slow", declared(bytes)))
  await counted
  return connection
}

describe("when the bodies of others take all the room", () => {
  it("a declared body is refused before a byte of it is sent, and fits again once they are gone", async () => {
    await using gateway = await startGateway({ script: mirror, config })
    const others = [await slowUpload(gateway, 60_000), await slowUpload(gateway, 30_000)]
    const connection = await RawConnection.open(gateway.port)
    expectNoRoom(await connection.write(head("", declared(10_001))).response())
    expect(gateway.submissions).toHaveLength(0)
    const fits = await RawConnection.open(gateway.port)
    expect((await fits.write(head("", declared(10_000)) + "x".repeat(10_000)).response())?.status).toBe(200)

    for (const other of others) other.destroy()
    await gateway.bodies.empty()
    const again = await RawConnection.open(gateway.port)
    expect((await again.write(head("", declared(LIMIT)) + "x".repeat(LIMIT)).response())?.status).toBe(200)
    for (const one of [connection, fits, again]) one.destroy()
  })

  it("a chunked body is cut where it does not fit any more, and the connection with it", async () => {
    await using gateway = await startGateway({ script: mirror, config })
    const other = await slowUpload(gateway, 60_000)
    const connection = await RawConnection.open(gateway.port)
    connection.write(head("", chunked)).write(chunk(40_000))
    await gateway.bodies.holds(LIMIT)
    const response = await connection.write(chunk(1)).response()
    expectNoRoom(response)
    expect(response?.header("connection")).toBe("close")
    await connection.closed
    await gateway.bodies.holds(60_000)
    other.destroy()
    await gateway.bodies.empty()
    expect(gateway.submissions).toHaveLength(0)
  })

  it("requests without a body are served", async () => {
    await using gateway = await startGateway({ script: mirror, config })
    const other = await slowUpload(gateway, LIMIT)
    expect((await gateway.fetch("/functions/hello")).status).toBe(200)
    expect((await gateway.fetch("/functions/hello", { method: "POST" })).status).toBe(200)
    expect((await gateway.fetch("/health")).status).toBe(200)
    other.destroy()
    await gateway.bodies.empty()
  })

  it("a body over its own limit is still told that, which no waiting helps against", async () => {
    await using gateway = await startGateway({ config })
    const other = await slowUpload(gateway, LIMIT)
    const connection = await RawConnection.open(gateway.port)
    const response = await connection.write(head("", declared(LIMIT + 1))).response()
    expect([response?.status, response?.header("x-function-error")]).toEqual([413, "FN_006"])
    for (const one of [connection, other]) one.destroy()
    await gateway.bodies.empty()
  })
})

describe("a body has its place", () => {
  it("until its invocation has its outcome, and not only until it has been read", async () => {
    await using gateway = await startGateway({ config })
    const response = gateway.fetch("/functions/hello", { method: "POST", body: new Uint8Array(70_000) })
    const { settle } = await gateway.submitted()
    expect(gateway.bodies.budget.held()).toBe(70_000)
    settle(answer({ body: "done" }))
    expect((await response).status).toBe(200)
    await gateway.bodies.empty()
  })

  it("until its client goes away, and the invocation then lets go of it", async () => {
    await using gateway = await startGateway({ config })
    const connection = await RawConnection.open(gateway.port)
    connection.write(head("", declared(50_000)) + "x".repeat(50_000))
    const { cancelled, invocation } = await gateway.submitted()
    expect(invocation.body?.length).toBe(50_000)
    connection.destroy()
    await cancelled
    await gateway.bodies.empty()
    expect(invocation.body).toBeNull()
  })

  it("not any longer when the function it is for is gone by the time it has come", async () => {
    await using gateway = await startGateway({ config })
    const connection = await slowUpload(gateway, 10)
    gateway.router.withdraw(testTarget("hello").functionId)
    expect((await connection.write("x".repeat(10)).response())?.status).toBe(404)
    await gateway.bodies.empty()
    connection.destroy()
  })

  it("until a deployment has ended, and a deployment for which there is no room is refused", async () => {
    const gate = Deferred.unsafeMake<void>(Effect.runSync(Effect.fiberId))
    const begun = Promise.withResolvers<void>()
    await using gateway = await startGateway({
      config: { ...config, maxBundleBytes: 10_000 },
      functions: {
        deploy: () =>
          Effect.sync(begun.resolve).pipe(
            Effect.zipRight(Deferred.await(gate)),
            Effect.as(deploymentView({ version: "v1" }))
          )
      }
    })
    const deploy = (bytes: number) =>
      gateway.fetch("/api/functions/hello/deploy", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ version: "v1", bundle: "x".repeat(bytes) })
      })
    const first = deploy(60_000)
    await begun.promise
    expect(gateway.bodies.budget.held()).toBeGreaterThan(60_000)
    const second = await deploy(60_000)
    expect([second.status, second.headers.get("x-function-error")]).toEqual([429, "FN_007"])
    Effect.runSync(Deferred.succeed(gate, undefined))
    expect((await first).status).toBe(200)
    await gateway.bodies.empty()
  })
})

describe("nothing leaks (R-10, R-11)", () => {
  type Ending =
    | "answered" // the body comes whole, the function answers
    | "failed" // the body comes whole, the invocation times out
    | "left_waiting" // the client goes away while it waits for the answer
    | "left_sending" // the client goes away in the middle of its body
    | "broken" // chunks that are none; a declared body is cut by the end of the stream
  interface Upload {
    readonly bytes: number
    readonly sent: number
    readonly chunked: boolean
    readonly ending: Ending
  }
  const upload = fc.record<Upload>({
    bytes: fc.integer({ min: 1, max: 60_000 }),
    sent: fc.integer({ min: 0, max: 99 }),
    chunked: fc.boolean(),
    ending: fc.constantFrom("answered", "failed", "left_waiting", "left_sending", "broken")
  })

  it(
    "whatever uploads do beside each other, the room is all there at the end",
    { timeout: 60_000 },
    async () => {
      const waiting = new Map<string, (submission: Submission) => void>()
      await using gateway = await startGateway({
        config,
        script: (submission) => waiting.get(submission.invocation.path)?.(submission)
      })
      let serial = 0

      /** What became of the upload, in words. */
      const run = async (one: Upload): Promise<string> => {
        const path = `/${(serial += 1)}`
        const submitted = new Promise<Submission>((resolve) => waiting.set(path, resolve))
        const connection = await RawConnection.open(gateway.port)
        const partial = Math.floor((one.bytes * one.sent) / 100)
        const first = one.chunked ? (partial > 0 ? chunk(partial) : "") : "x".repeat(partial)
        const rest = one.chunked ? `${chunk(one.bytes - partial)}0\r\n\r\n` : "x".repeat(one.bytes - partial)
        connection.write(head(path, one.chunked ? chunked : declared(one.bytes)) + first)
        if (one.ending === "left_sending") {
          connection.destroy()
          return "left"
        }
        if (one.ending === "broken") {
          connection.write(one.chunked ? "no chunk\r\n" : "").end()
          await connection.closed
          return "left"
        }
        const response = connection.write(rest).response()
        const submission = await Promise.race([submitted, response.then(() => null)])
        if (submission === null) {
          connection.destroy()
          return `refused with ${(await response)?.status}`
        }
        if (one.ending === "left_waiting") {
          connection.destroy()
          await submission.cancelled
          return "left"
        }
        submission.settle(
          one.ending === "answered"
            ? answer({ body: String(submission.invocation.body?.length) })
            : { _tag: "Failure", error: new ExecutionTimeout({ timeoutMs: 1, phase: "run" }) }
        )
        const { body, status } = (await response) ?? { status: 0, body: Buffer.alloc(0) }
        connection.destroy()
        return `${status} ${status === 200 ? body.toString() : ""}`
      }
      const mayEnd = ({ bytes, ending }: Upload): ReadonlyArray<string> => {
        if (ending === "left_sending" || ending === "broken") return ["left"]
        const served = ending === "answered" ? `200 ${bytes}` : ending === "failed" ? "504 " : "left"
        return [served, "refused with 429"]
      }

      await fc.assert(
        fc.asyncProperty(fc.array(upload, { minLength: 1, maxLength: 12 }), async (uploads) => {
          const ends = await Promise.all(uploads.map(run))
          for (const [index, one] of uploads.entries()) expect(mayEnd(one)).toContain(ends[index])
          await gateway.bodies.empty()
        }),
        { numRuns: 40 }
      )
      expect(gateway.bodies.most()).toBeGreaterThan(0)
    }
  )
})
