import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type CaseContext, CaseFailure, SetUpFailed } from "../model/Case.ts"
import { Transcript } from "../model/Transcript.ts"
import { Door } from "./Door.ts"

let server: Server
let registered = 0
/** What the server does with registrations and deployments. */
let refuses: "nothing" | "deployments" | "registrations"
/** It closes the connection instead of an answer. */
let hangsUp: boolean

beforeEach(async () => {
  refuses = "nothing"
  hangsUp = false
  registered = 0
  server = createServer((request, response) => {
    const isDeployment = request.url?.endsWith("/deploy") === true
    if (!isDeployment) registered += 1
    const isRefused = refuses === (isDeployment ? "deployments" : "registrations")
    response.statusCode = isRefused ? 400 : 200
    if (isRefused && hangsUp) request.socket.destroy()
    else response.end(isRefused ? '{"detail":"full"}' : '{"function_id":"func-1"}')
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
})
afterEach(() => void server.close())

const context: CaseContext = {
  signal: new AbortController().signal,
  seed: 1,
  transcript: new Transcript(),
  folder: "/nowhere",
  ranProperties: () => {},
  observe: () => {},
  owns: () => () => {}
}

const open = (): Door =>
  new Door(
    {
      url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      socket: null,
      apiKey: null,
      logsDir: () => null,
      pid: () => null,
      shared: new Map()
    },
    context,
    "/nowhere",
    "bun"
  )

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error: unknown) => error
  )

describe("Door", () => {
  it("makes functions of what is accepted", async () => {
    expect(await open().fn({ source: "" })).toMatchObject({ id: "func-1" })
  })

  it("takes a refusal of what a case needs first for a set-up that failed, with what was answered", async () => {
    const door = open()
    refuses = "registrations"
    for (const fails of [
      door.register({ name: "a" }),
      door.fn({ source: "" }),
      door.sharedFn({ source: "" })
    ]) {
      const error = await caught(fails)
      expect(error).toBeInstanceOf(SetUpFailed)
      expect(error).toMatchObject({
        message: "the registration was refused",
        observed: '400 {"detail":"full"}'
      })
    }
    refuses = "deployments"
    const error = await caught(door.fn({ source: "" }))
    expect(error).toBeInstanceOf(SetUpFailed)
    expect(error).toMatchObject({ observed: '400 {"detail":"full"}' })
    expect(await caught(door.deploy("a", "v1", ""))).toBeInstanceOf(SetUpFailed)
  })

  it("takes no answer to it for the same", async () => {
    refuses = "registrations"
    hangsUp = true
    expect(await caught(open().fn({ source: "" }))).toBeInstanceOf(SetUpFailed)
  })

  it("takes a refusal of what a case is about for an expectation that failed", async () => {
    const door = open()
    refuses = "registrations"
    expect(await caught(door.expectRegistered({ name: "a" }))).toBeInstanceOf(CaseFailure)
    refuses = "deployments"
    expect(await caught(door.expectDeployed("a", "v1", ""))).toBeInstanceOf(CaseFailure)
  })

  it("tries a function that cases share again for the next one", async () => {
    const door = open()
    refuses = "registrations"
    await caught(door.sharedFn({ source: "" }))
    refuses = "nothing"
    const [first, second] = [await door.sharedFn({ source: "" }), await door.sharedFn({ source: "" })]
    expect(first.name).toBe(second.name)
    expect(registered).toBe(2)
  })
})
