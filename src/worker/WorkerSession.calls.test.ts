import { describe, expect, it } from "vitest"
import { invocationOf } from "../../tests/support/ScheduledService.ts"
import { SimulatedClock } from "../../tests/support/SimulatedClock.ts"
import { WorkerSession } from "./WorkerSession.ts"
import { listeningTransport } from "../../tests/support/listeningTransport.ts"

const open = () => {
  const written: Array<{ readonly id: string; readonly type: string; readonly payload: unknown }> = []
  const told: Array<string> = []
  const budgets: Array<number> = []
  const session = new WorkerSession(
    listeningTransport((line) => void written.push(JSON.parse(line) as (typeof written)[number])),
    {
      ready: () => {},
      loadFailed: () => {},
      log: () => {},
      call: (id, { call_id, name }, budgetMs) => {
        told.push(`call ${id || "-"} ${call_id} ${name}`)
        budgets.push(budgetMs)
      },
      givenUp: (id) => void told.push(`given up ${id}`),
      stray: (text) => void told.push(`stray ${text}`),
      faulted: ({ reason }) => void told.push(`faulted ${reason}`)
    },
    new SimulatedClock().service
  )
  const says = (id: string, type: string, payload: object): void =>
    session.receive(Buffer.from(`${JSON.stringify({ id, type, payload })}\n`))
  says("", "ready", { protocol: "1.1", features: ["concurrency", "cancel", "call"] })
  return { session, written, told, budgets, says }
}
const request = { url: "http://a/", method: "GET", headers: {}, body: "", redirect: "follow" }

describe("calls of a worker", () => {
  it("belong to the invocation that makes them, with what is left of its time", () => {
    const { budgets, says, session, told } = open()
    session.invoke(invocationOf("a"), 1_000, () => {})
    says("a", "call", { call_id: "1", name: "fetch", request })
    says("gone", "call", { call_id: "2", name: "fetch", request })
    says("", "call", { call_id: "3", name: "fetch", request })
    expect(told).toEqual(["call a 1 fetch", "call - 2 fetch", "call - 3 fetch"])
    expect(budgets[0]).toBeLessThanOrEqual(1_000)
    expect(budgets.slice(1)).toEqual([30_000, 30_000])
  })

  it("are given up with it", () => {
    const { session, told, written } = open()
    const id = session.invoke(invocationOf("a"), 1_000, () => {})
    session.cancel(id, "client_gone")
    expect(told).toEqual(["given up a"])
    expect(written.at(-1)).toMatchObject({ id: "a", type: "cancel" })
  })

  it("get their result on the wire, until the worker is lost", () => {
    const { session, written } = open()
    const error = { name: "TypeError", message: "no" }
    session.result("a", { call_id: "1", ok: false, error })
    expect(written).toEqual([{ id: "a", type: "result", payload: { call_id: "1", ok: false, error } }])
    session.fail({ kind: "exit", reason: "exited" })
    session.result("a", { call_id: "2", ok: false, error })
    expect(written).toHaveLength(1)
  })

  it("that are malformed are a fault", () => {
    for (const payload of [
      {},
      { call_id: 1, name: "fetch" },
      { call_id: "1" },
      { call_id: "1", name: "fetch", request: { ...request, redirect: "maybe" } },
      { call_id: "1", name: "fetch", request: { ...request, headers: { a: 1 } } },
      { call_id: "1", name: "fetch", request: { ...request, body: null } }
    ]) {
      const { says, session, told } = open()
      says("", "call", payload)
      expect(told).toEqual([expect.stringContaining("malformed call message")])
      expect(session.lost?.kind).toBe("protocol")
    }
  })
})
