import { Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { FunctionsError } from "../../src/client/index.ts"
import { DeploymentFailed, ExecutionTimeout, LimitExceeded } from "../../src/domain/Errors.ts"
import { until } from "../support/Api.ts"
import { deploymentView, functionView, type Submission, target, versionView } from "../support/IpcHarness.ts"
import { clientSession } from "../support/ClientSession.ts"

const session = clientSession()
const { connect, serve } = session
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable("it was expected to fail"),
    (error: unknown) => error
  )
describe("calls over the socket", () => {
  it("invoke a function and give all that it answered", async () => {
    const server = await serve()
    const client = await connect()
    const answer = client.invoke("hello-world", {
      path: "/sub?a=1",
      query: { b: ["2", "3"] },
      headers: [
        ["Accept", "x"],
        ["Accept", "y"]
      ],
      body: Uint8Array.of(0, 200, 255)
    })
    const submission = await server.submissions.next()
    expect({ ...submission.invocation, headers: { ...submission.invocation.headers } }).toMatchObject({
      method: "POST",
      path: "/sub",
      url: "/sub?a=1&b=2&b=3",
      headers: { accept: ["x", "y"] },
      body: Uint8Array.of(0, 200, 255)
    })
    submission.answer({
      status: 418,
      headers: { "content-type": "application/json", "set-cookie": ["a=1", "b=2"] },
      body: new TextEncoder().encode('{"ü":1}'),
      executionMs: 1.5
    })
    const result = await answer
    expect(result).toMatchObject({
      status: 418,
      headers: [
        ["content-type", "application/json"],
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"]
      ],
      executionId: submission.invocation.id,
      executionTimeMs: 1.5
    })
    expect([result.text(), result.json()]).toEqual(['{"ü":1}', { ü: 1 }])
    expect([result.header("Set-Cookie"), result.header("nope")]).toEqual(["a=1, b=2", null])
  })

  it("have sensible defaults", async () => {
    const server = await serve()
    const client = await connect()
    const answers = [client.invoke("hello-world"), client.invoke("hello-world", { body: "text" })]
    const [one, two] = [await server.submissions.next(), await server.submissions.next()]
    expect(one?.invocation).toMatchObject({ method: "GET", url: "/", body: null })
    expect(two?.invocation).toMatchObject({ method: "POST", body: new TextEncoder().encode("text") })
    one?.answer()
    two?.answer()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200])
  })

  it("manage functions", async () => {
    await serve()
    const client = await connect()
    expect(await client.register({ name: "a", memory_mb: 64 })).toEqual(functionView("a"))
    expect(await client.deploy("a", { version: "v1", bundlePath: "/b.js" })).toEqual(
      deploymentView("a", "v1")
    )
    expect(await client.deploy("a", { version: "v2", bundle: "x", sourceMap: "{}" })).toEqual(
      deploymentView("a", "v2")
    )
    expect(await client.list()).toEqual([functionView("hello-world")])
    expect(await client.get("a")).toEqual(functionView("a"))
    expect(await client.versions("a")).toEqual([versionView("v1")])
    const ping = await client.ping()
    expect(ping.protocols).toEqual({ socket: "1.0", worker: "1.1" })
    expect(ping.roundTripMs).toBeGreaterThan(0)
  })

  it("reject with what the service says", async () => {
    const server = await serve({
      functions: {
        deploy: () =>
          Effect.fail(
            new DeploymentFailed({
              stage: "syntax",
              reason: "Unexpected }",
              file: "a.ts",
              line: 3,
              column: 7
            })
          )
      }
    })
    const client = await connect()
    expect(await failure(client.get("nope"))).toMatchObject({
      name: "FunctionsError",
      code: "FN_001",
      status: 404,
      retryable: false,
      invocationId: null
    })
    expect(await failure(client.deploy("a", { version: "v1", bundle: "" }))).toMatchObject({
      code: "FN_005",
      file: "a.ts",
      line: 3,
      column: 7,
      message: "a.ts:3:7: Unexpected }"
    })
    expect(await failure(client.register({ name: "Not A Name" }))).toMatchObject({
      code: "FN_006",
      violations: [{ field: "name", value: "Not A Name" }]
    })
    const calls = [client.invoke("hello-world"), client.invoke("hello-world")].map(failure)
    const [one, two] = [await server.submissions.next(), await server.submissions.next()]
    one?.settle({ _tag: "Failure", error: new ExecutionTimeout({ timeoutMs: 5, phase: "queue" }) })
    two?.settle({
      _tag: "Failure",
      error: new LimitExceeded({ limit: "queue_length", value: 9, retryAfterSeconds: 2 })
    })
    const [timeout, full] = await Promise.all(calls)
    expect(timeout).toBeInstanceOf(FunctionsError)
    expect(timeout).toMatchObject({ code: "FN_002", status: 504, invocationId: one?.invocation.id })
    expect(full).toMatchObject({ code: "FN_007", retryable: true, retryAfterSeconds: 2 })
  })

  it("need not be sent to be refused", async () => {
    const server = await serve()
    const client = await connect()
    expect(await failure(client.invoke("", {}))).toMatchObject({ code: "FN_001" })
    expect(await failure(client.invoke("a", { path: "x" }))).toMatchObject({
      violations: [{ field: "path" }]
    })
    expect(await failure(client.invoke("a", { method: "get", body: "x" }))).toMatchObject({
      violations: [{ field: "body" }]
    })
    expect(await failure(client.deploy("a", { version: "v1", bundle: "x".repeat(17 << 20) }))).toMatchObject({
      code: "FN_006",
      status: 413
    })
    expect(server.server.inFlight()).toBe(0)
  })

  it("are as many at once as one likes, and their answers are not mixed up", async () => {
    const server = await serve()
    const client = await connect({ maxInFlight: 100 })
    const waiting: Array<Submission> = []
    const answers = Promise.all(
      Array.from({ length: 1500 }, (_, index) => client.invoke(target.functionId, { path: `/${index}` }))
    )
    for (let index = 0; index < 1500; index++) {
      waiting.push(await server.submissions.next())
      expect(server.server.inFlight()).toBeLessThanOrEqual(100)
      // any one of those that wait, not the oldest
      const [one] = waiting.splice((index * 7919) % waiting.length, 1)
      if (index >= 50) one?.answer({ body: new TextEncoder().encode(one.invocation.path) })
      else if (one !== undefined) waiting.push(one)
    }
    for (const one of waiting) one.answer({ body: new TextEncoder().encode(one.invocation.path) })
    expect((await answers).map((result) => result.text())).toEqual(
      Array.from({ length: 1500 }, (_, index) => `/${index}`)
    )
  })

  it("carry 10 MiB both ways", async () => {
    const server = await serve()
    const client = await connect()
    const body = new Uint8Array(10 << 20).map((_, index) => (index * 31) % 256)
    const answer = client.invoke("hello-world", { body })
    const submission = await server.submissions.next()
    submission.answer({ body: submission.invocation.body ?? new Uint8Array(0) })
    expect(Buffer.compare((await answer).body, body)).toBe(0)
  })
})

describe("giving up", () => {
  it("rejects with the signal's reason at once, and drops the answer when it comes", async () => {
    const server = await serve()
    const client = await connect({ maxInFlight: 1 })
    const controller = new AbortController()
    const call = failure(client.invoke("hello-world", { signal: controller.signal }))
    const submission = await server.submissions.next()
    controller.abort(new Error("changed my mind"))
    expect(await call).toEqual(new Error("changed my mind"))
    // The server still has it: the next one waits for its turn.
    const next = client.invoke("hello-world", { path: "/next" })
    submission.answer()
    const second = await server.submissions.next()
    expect(second.invocation.path).toBe("/next")
    second.answer({ status: 204 })
    expect((await next).status).toBe(204)
  })

  it("does not send what was given up before", async () => {
    const server = await serve()
    const client = await connect({ maxInFlight: 1 })
    const first = client.invoke("hello-world")
    const submission = await server.submissions.next()
    const controller = new AbortController()
    const second = failure(client.invoke("hello-world", { path: "/never", signal: controller.signal }))
    controller.abort()
    expect(await second).toMatchObject({ name: "AbortError" })
    expect(await failure(client.invoke("hello-world", { signal: AbortSignal.abort("early") }))).toBe("early")
    submission.answer()
    await first
    await client.ping()
    expect(server.submissions.count).toBe(0)
  })

  it("is done after a time, which the server is told", async () => {
    const server = await serve()
    const client = await connect()
    const call = failure(client.invoke("hello-world", { timeoutMs: 20 }))
    expect((await server.submissions.next()).invocation.deadlineMs).toBe(20)
    expect(await call).toMatchObject({ code: "FN_002", status: 504 })
    expect((await client.ping()).version).not.toBeNull()
  })
})

describe("the client's own bounds", () => {
  it("let only so many calls wait", async () => {
    const server = await serve()
    const client = await connect({ maxInFlight: 1, maxWaiting: 2 })
    const calls = [client.invoke("hello-world"), client.invoke("hello-world"), client.invoke("hello-world")]
    expect(await failure(client.invoke("hello-world"))).toMatchObject({ code: "FN_007", retryable: true })
    for (const call of calls) {
      ;(await server.submissions.next()).answer()
      await call
    }
  })

  it("close ends everything, once", async () => {
    const server = await serve()
    const client = await connect({ maxInFlight: 1 })
    const [sent, waiting] = [failure(client.invoke("hello-world")), failure(client.invoke("hello-world"))]
    const { cancelled } = await server.submissions.next()
    await client.close()
    await client.close()
    expect(await sent).toMatchObject({ name: "ConnectionError", delivery: "unknown" })
    expect(await waiting).toMatchObject({ name: "ConnectionError", delivery: "not_sent" })
    expect(await failure(client.list())).toMatchObject({ name: "ConnectionError", delivery: "not_sent" })
    await until(async () => cancelled(), Boolean)
    await until(
      async () => server.server.connections(),
      (count) => count === 0
    )
  })

  it("settle every call once, in whatever order answers and second thoughts come", async () => {
    let arrived: (submission: Submission) => void = () => {}
    const server = await serve({
      onSubmit: (submission) => {
        arrived(submission)
        return true
      }
    })
    const client = await connect({ maxInFlight: 5 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("answer", "abort early", "abort late"), { minLength: 1, maxLength: 20 }),
        fc.array(fc.nat(), { minLength: 20, maxLength: 20 }),
        async (plans, choices) => {
          const controllers = plans.map(() => new AbortController())
          const here: Array<Submission> = []
          let turn = 0
          arrived = (submission) => {
            here.push(submission)
            // For each that comes one is answered, soon: any one of those that are there.
            setImmediate(() => {
              const [one] = here.splice((choices[(turn += 1) % 20] as number) % here.length, 1)
              const index = Number(one?.invocation.path.slice(1))
              if (plans[index] === "abort late") controllers[index]?.abort("aborted")
              one?.answer({ body: new TextEncoder().encode(String(index)) })
            })
          }
          const calls = controllers.map(({ signal }, index) =>
            client.invoke("hello-world", { path: `/${index}`, signal }).then(
              (result) => result.text(),
              (error: unknown) => error
            )
          )
          for (const [index, plan] of plans.entries()) {
            if (plan === "abort early") controllers[index]?.abort("aborted")
          }
          expect(await Promise.all(calls)).toEqual(
            plans.map((plan, index) => (plan === "answer" ? String(index) : "aborted"))
          )
        }
      ),
      { numRuns: 60 }
    )
    await until(
      async () => server.server.inFlight(),
      (count) => count === 0
    )
  })
})
