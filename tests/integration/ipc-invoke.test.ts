import { describe, expect, it } from "vitest"
import { ColdStartTimeout, ExecutionTimeout, FunctionNotFound } from "../../src/domain/Errors.ts"
import { Command } from "../../src/protocol/socket/Commands.ts"
import { until } from "../support/Api.ts"
import { type Submission, target } from "../support/IpcHarness.ts"
import { invokeHello, ipcSession } from "../support/IpcSession.ts"

const ipc = ipcSession()
const { open, start } = ipc

const many = async (count: number): Promise<ReadonlyArray<Submission>> => {
  const submissions: Array<Submission> = []
  while (submissions.length < count) submissions.push(await ipc.harness.submissions.next())
  return submissions
}

describe("INVOKE", () => {
  it("hands the function what was sent, and the client what was answered", async () => {
    await start()
    const client = await open()
    client.send(1, Command.INVOKE, {
      function_id: target.functionId,
      method: "PUT",
      path: "/a b",
      headers: { "Content-Type": "text/plain", Accept: ["x", "y"], "X-Invocation-Id": "mine" },
      query: { q: "1", r: ["2", "3"] },
      body: btoa("hello"),
      deadline_ms: 500
    })
    const { answer, invocation } = await ipc.harness.submissions.next()
    expect({ ...invocation, headers: { ...invocation.headers } }).toEqual({
      id: "mine",
      method: "PUT",
      path: "/a%20b",
      url: "/a%20b?q=1&r=2&r=3",
      headers: { "content-type": "text/plain", accept: ["x", "y"], "x-invocation-id": "mine" },
      body: new TextEncoder().encode("hello"),
      deadlineMs: 500
    })
    answer({
      status: 201,
      headers: { "set-cookie": ["a=1", "b=2"] },
      body: Uint8Array.of(0, 255),
      executionMs: 2.5
    })
    expect(await client.answerTo(1)).toEqual({
      id: 1n,
      status: "OK",
      payload: {
        success: true,
        status: 201,
        headers: { "set-cookie": "b=2" },
        header_list: [
          ["set-cookie", "a=1"],
          ["set-cookie", "b=2"]
        ],
        body: "AP8=",
        execution_time_ms: 3,
        execution_time_us: 2500,
        execution_id: "mine",
        cold_start: false
      }
    })
  })

  it("tells a function's failure as an answer, and a function that is not there as NOT_FOUND", async () => {
    await start()
    const client = await open()
    client.send(1, Command.INVOKE, invokeHello)
    client.send(2, Command.INVOKE, invokeHello)
    client.send(3, Command.INVOKE, invokeHello)
    const [one, two, three] = await many(3)
    one?.settle({ _tag: "Failure", error: new ExecutionTimeout({ timeoutMs: 10, phase: "run" }) })
    two?.settle({
      _tag: "Failure",
      error: new ColdStartTimeout({ reason: "it crashes", retryAfterSeconds: 3 })
    })
    three?.settle({
      _tag: "Failure",
      error: new FunctionNotFound({ function: "hello-world", reason: "not_deployed" })
    })
    expect(await client.answerTo(1)).toMatchObject({
      status: "OK",
      payload: { success: false, code: "FN_002", status: 504, execution_id: one?.invocation.id }
    })
    expect(await client.answerTo(2)).toMatchObject({
      status: "OK",
      payload: { success: false, code: "FN_008", retry_after_seconds: 3 }
    })
    expect(await client.answerTo(3)).toMatchObject({ status: "NOT_FOUND", payload: { code: "FN_001" } })
    expect(await client.ask(4, Command.INVOKE, { ...invokeHello, function_id: "nope" })).toMatchObject({
      status: "NOT_FOUND",
      payload: { error: expect.stringContaining('no function is called "nope"') }
    })
  })

  it("answers what is refused before it has a worker", async () => {
    await start({
      onSubmit: ({ settle }) => {
        settle({ _tag: "Failure", error: new ColdStartTimeout({ reason: "at once", retryAfterSeconds: 1 }) })
        return true
      }
    })
    const client = await open()
    expect((await client.ask(1, Command.INVOKE, invokeHello)).payload["code"]).toBe("FN_008")
    expect(ipc.harness.server.inFlight()).toBe(0)
  })

  it("is understood by a client that reads maps of strings and integers only", async () => {
    await start()
    const client = await open()
    // Keys in alphabetical order and null for empty maps: what Go's encoding/json makes of such a client's request.
    client.send(1, Command.INVOKE, {
      body: btoa('{"name":"Alice"}'),
      function_id: target.functionId,
      headers: null,
      method: "POST",
      path: "/",
      query: null
    })
    const { answer } = await ipc.harness.submissions.next()
    answer({ headers: { vary: ["a", "b"] }, body: new TextEncoder().encode("hi"), executionMs: 0.7 })
    const { payload, status } = await client.answerTo(1)
    expect(status).toBe("OK")
    expect(payload["success"]).toBe(true)
    expect(Object.values(payload["headers"] as object)).toEqual(["a, b"])
    expect(Number.isInteger(payload["status"])).toBe(true)
    expect(Number.isInteger(payload["execution_time_ms"])).toBe(true)
    expect(atob(String(payload["body"]))).toBe("hi")
    const refused = await client.ask(2, Command.INVOKE, { function_id: "nope", headers: null, query: null })
    expect(new Set(Object.values(refused.payload).map((value) => typeof value))).toEqual(new Set(["string"]))
    expect(refused.payload["error"]).toContain("nope")
  })

  it("refuses what is over the bound of one connection, on that connection only", async () => {
    await start()
    const [client, other] = [await open(), await open()]
    for (let id = 1; id <= 1025; id++) client.send(id, Command.INVOKE, invokeHello)
    expect(await client.answerTo(1025)).toMatchObject({ status: "ERROR", payload: { code: "FN_007" } })
    const submissions = await many(1024)
    other.send(1, Command.INVOKE, invokeHello)
    ;(await ipc.harness.submissions.next()).answer()
    expect((await other.answerTo(1)).status).toBe("OK")
    for (const { answer } of submissions) answer()
    expect((await client.answered(1025)).filter(({ status }) => status === "OK")).toHaveLength(1024)
  })

  it("gives up what a client asked for when it leaves, and nothing of anybody else", async () => {
    await start()
    const [leaver, stayer] = [await open(), await open()]
    leaver.send(1, Command.INVOKE, invokeHello)
    leaver.send(2, Command.INVOKE, invokeHello)
    stayer.send(1, Command.INVOKE, { ...invokeHello, path: "/stays" })
    const submissions = await many(3)
    const stays = submissions.find(({ invocation }) => invocation.path === "/stays")
    const left = submissions.filter((one) => one !== stays)
    left[0]?.answer()
    await leaver.answered(1)
    leaver.leave()
    await until(
      async () => left.map(({ cancelled }) => cancelled()),
      (seen) => seen.includes(true)
    )
    expect(left.map(({ cancelled }) => cancelled())).toEqual([false, true])
    expect(stays?.cancelled()).toBe(false)
    stays?.answer()
    expect((await stayer.answerTo(1)).status).toBe("OK")
    expect(ipc.harness.server.inFlight()).toBe(0)
  })

  it("notices that a client leaves that was not being read from", async () => {
    await start({ pauseBytes: 1000 })
    const client = await open()
    client.socket.pause()
    client.send(1, Command.INVOKE, invokeHello)
    client.send(2, Command.INVOKE, invokeHello)
    const [one, two] = await many(2)
    one?.answer({ body: new Uint8Array(4 << 20) })
    for (let id = 3; id < 10; id++) client.send(id, Command.PING)
    client.leave()
    await until(
      async () => two?.cancelled(),
      (cancelled) => cancelled === true
    )
    await until(
      async () => ipc.harness.server.connections(),
      (count) => count === 0
    )
    expect(ipc.harness.server.inFlight()).toBe(0)
  })
})
