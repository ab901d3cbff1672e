import { Deferred, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { InvalidRequest, type ManagementError } from "../../src/domain/Errors.ts"
import { Command } from "../../src/protocol/socket/Commands.ts"
import { MAX_PAYLOAD_BYTES } from "../../src/protocol/socket/Frame.ts"
import { until } from "../support/Api.ts"
import { deploymentView, functionView, target, versionView } from "../support/IpcHarness.ts"
import { invokeHello, ipcSession } from "../support/IpcSession.ts"

const ipc = ipcSession()
const { open, start } = ipc

describe("management commands", () => {
  it("answer as the documents say", async () => {
    await start()
    const client = await open()
    expect(
      (
        await client.ask(1, Command.REGISTER_FUNCTION, {
          name: "hello-world",
          runtime: "bun",
          handler: "handler"
        })
      ).payload
    ).toMatchObject({
      function_id: target.functionId,
      name: "hello-world",
      runtime: "bun",
      handler: "handler",
      status: "registered"
    })
    const deployment = { function_id: "hello-world", version: "v1" }
    expect(
      (await client.ask(2, Command.DEPLOY_FUNCTION, { ...deployment, bundle_path: "/b.js" })).payload
    ).toMatchObject({
      deployment_id: deploymentView("", "").deployment_id,
      function_id: target.functionId,
      version: "v1",
      status: "deployed"
    })
    expect(
      (await client.ask(3, Command.DEPLOY_FUNCTION, { ...deployment, bundle: "export default 1" })).status
    ).toBe("OK")
    expect(
      (await client.ask(4, Command.GET_FUNCTION_VERSIONS, { function_id: "hello-world" })).payload
    ).toEqual({
      versions: [versionView("v1")]
    })
    expect((await client.ask(5, Command.LIST_FUNCTIONS)).payload).toEqual({
      functions: [functionView("hello-world")]
    })
    expect((await client.ask(6, Command.GET_FUNCTION, { function_id: "hello-world" })).payload).toEqual(
      functionView("hello-world")
    )
    const gone = { function_id: target.functionId, name: "hello-world", status: "deleted" }
    expect((await client.ask(9, Command.ROLLBACK_FUNCTION, { function_id: "hello-world" })).payload).toEqual({
      ...deploymentView("hello-world", "v0"),
      replaced: "v1"
    })
    const back = { function_id: "hello-world", version: "v7" }
    expect((await client.ask(10, Command.ROLLBACK_FUNCTION, back)).payload).toMatchObject({ version: "v7" })
    expect((await client.ask(11, Command.DELETE_VERSION, back)).payload).toEqual({ ...gone, version: "v7" })
    expect((await client.ask(12, Command.DELETE_FUNCTION, { function_id: "hello-world" })).payload).toEqual(
      gone
    )
    for (const [id, command] of [
      [13, Command.ROLLBACK_FUNCTION],
      [14, Command.DELETE_VERSION]
    ] as const) {
      const refused = await client.ask(id, command, { function_id: "hello-world", version: "../v1" })
      expect(refused.payload).toMatchObject({ code: "FN_006" })
    }
    expect((await client.ask(15, Command.DELETE_VERSION, { function_id: "a" })).payload).toMatchObject({
      error: "version: is required"
    })
    expect((await client.ask(7, Command.GET_FUNCTION, { function_id: "nope" })).status).toBe("NOT_FOUND")
    expect((await client.ask(8, Command.PING)).payload).toEqual({
      server: "bunbase-functions",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      runtimes: { bun: { available: true } },
      protocols: { socket: "1.0", worker: "1.1" }
    })
  })

  it("name every field that is wrong", async () => {
    await start()
    const client = await open()
    const { payload } = await client.ask(1, Command.REGISTER_FUNCTION, {
      name: "A",
      memroy_mb: 64,
      memory_mb: 1
    })
    const problem = JSON.parse(String(payload["problem"])) as { violations: ReadonlyArray<{ field: string }> }
    expect(problem.violations.map(({ field }) => field).sort()).toEqual(["memory_mb", "memroy_mb", "name"])
    const both = await client.ask(2, Command.DEPLOY_FUNCTION, { function_id: "a", version: "v1" })
    expect(both.payload["error"]).toBe("bundle_path: is required")
  })

  it("say which command is not there, and go on", async () => {
    await start()
    const client = await open()
    expect((await client.ask(1, Command.GET_LOGS, {})).payload["error"]).toContain(
      "GET_LOGS is not available"
    )
    expect((await client.ask(2, 200, {})).payload["error"]).toContain("no command has this number")
    expect((await client.ask(3, Command.PING)).status).toBe("OK")
  })

  it("refuse a payload that is larger than any request has to be", async () => {
    await start()
    const client = await open()
    const { payload } = await client.ask(1, Command.REGISTER_FUNCTION, {
      name: "a",
      handler: "x".repeat(2 << 20)
    })
    expect(payload["error"]).toContain("larger than 1048576 bytes")
  })

  it("say how much an answer can hold where a list is longer, and go on", async () => {
    const long = "x".repeat(64 << 10)
    const view = { ...functionView("hello-world"), env: [long] }
    await start({ functions: { list: Effect.succeed(Array.from({ length: 300 }, () => view)) } })
    const client = await open()
    const { payload } = await client.ask(1, Command.LIST_FUNCTIONS)
    expect(payload["error"]).toContain(`the answer is larger than ${MAX_PAYLOAD_BYTES} bytes`)
    expect(payload["code"]).toBe("FN_006")
    expect((await client.ask(2, Command.PING)).status).toBe("OK")
  })

  it("answer with an error where the service itself fails, and put the fault into the log", async () => {
    await start({
      functions: {
        register: () => Effect.die(new Error("secret detail")),
        list: Effect.fail<ManagementError>(
          new InvalidRequest({ violations: [{ field: "x", message: "no" }] })
        )
      }
    })
    const client = await open()
    const { payload } = await client.ask(1, Command.REGISTER_FUNCTION, { name: "a" })
    expect(payload["code"]).toBe("FN_004")
    expect(JSON.stringify(payload)).not.toContain("secret detail")
    expect(ipc.harness.logged.join()).toContain("secret detail")
    expect((await client.ask(2, Command.LIST_FUNCTIONS)).payload["error"]).toBe("x: no")
    expect(ipc.harness.server.inFlight()).toBe(0)
  })

  it("run a few at a time, wait in a bounded line, and hold up nothing else", async () => {
    const gate = Deferred.unsafeMake<void>(undefined as never)
    let running = 0
    let most = 0
    const deploy = (nameOrId: string) =>
      Effect.gen(function* () {
        running += 1
        most = Math.max(most, running)
        yield* Deferred.await(gate)
        running -= 1
        return deploymentView(nameOrId, "v1")
      })
    await start({ functions: { deploy }, maxRunning: 2, maxWaiting: 3 })
    const client = await open()
    const request = { function_id: "a", version: "v1", bundle: "" }
    for (let id = 1; id <= 6; id++) client.send(id, Command.DEPLOY_FUNCTION, request)
    expect((await client.answerTo(6)).payload["code"]).toBe("FN_007")
    client.send(7, Command.INVOKE, invokeHello)
    ;(await ipc.harness.submissions.next()).answer()
    expect((await client.answerTo(7)).status).toBe("OK")
    expect(running).toBe(2)
    Effect.runSync(Deferred.succeed(gate, undefined))
    await client.answered(7)
    expect(most).toBe(2)
    expect(client.answers.filter(({ status }) => status === "OK")).toHaveLength(6)
  })

  it("are finished when their client leaves, if they had begun, and else dropped", async () => {
    const gate = Deferred.unsafeMake<void>(undefined as never)
    const events: Array<string> = []
    const deploy = (nameOrId: string) =>
      Effect.gen(function* () {
        events.push(`begun ${nameOrId}`)
        yield* Deferred.await(gate)
        events.push(`done ${nameOrId}`)
        return deploymentView(nameOrId, "v1")
      })
    await start({ functions: { deploy }, maxRunning: 1 })
    const client = await open()
    client.send(1, Command.DEPLOY_FUNCTION, { function_id: "first", version: "v1", bundle: "" })
    client.send(2, Command.DEPLOY_FUNCTION, { function_id: "second", version: "v1", bundle: "" })
    await until(
      async () => events.length,
      (count) => count === 1
    )
    client.leave()
    await until(
      async () => ipc.harness.server.connections(),
      (count) => count === 0
    )
    expect(ipc.harness.server.inFlight()).toBe(2)
    Effect.runSync(Deferred.succeed(gate, undefined))
    await ipc.harness.drain()
    expect(events).toEqual(["begun first", "done first"])
  })
})
