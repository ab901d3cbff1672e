import { describe, expect, it } from "vitest"
import type { ReadyPayload } from "../protocol/worker/Wire.ts"
import { SimulatedClock } from "../../tests/support/SimulatedClock.ts"
import { WorkerSession } from "./WorkerSession.ts"
import { listeningTransport } from "../../tests/support/listeningTransport.ts"

/** A session that its owner has load a bundle, and what it tells the owner. */
const loading = () => {
  const written: Array<{ readonly type: string; readonly payload: unknown }> = []
  const told: Array<string> = []
  const session = new WorkerSession(
    listeningTransport((line) => void written.push(JSON.parse(line) as { type: string; payload: unknown })),
    {
      booted: ({ pid }) => void told.push(`booted ${pid}`),
      ready: ({ features }) => void told.push(`ready ${features?.join(",")}`),
      loadFailed: ({ message }) => void told.push(`loadFailed ${message}`),
      log: ({ message }) => void told.push(`log ${message}`),
      stray: (text) => void told.push(`stray ${text}`),
      faulted: ({ reason }) => void told.push(`faulted ${reason}`)
    },
    new SimulatedClock().service
  )
  const says = (type: string, payload: object): void =>
    session.receive(Buffer.from(`${JSON.stringify({ id: "", type, payload })}\n`))
  const isReady = (features: ReadonlyArray<string>, more: ReadyPayload = {}): void =>
    says("ready", { protocol: "1.1", features, ...more })
  return { session, written, told, says, isReady }
}

const load = { bundle_path: "/b.js", handler: "handler", env: { A: "1" } }

describe("a worker that is sent its bundle", () => {
  it("says that it runs, then that it is ready; only then is it ready for its owner", () => {
    const { isReady, session, told, written } = loading()
    session.load(load)
    expect(written).toEqual([{ id: "", type: "load", payload: load }])
    isReady(["load"], { pid: 7 })
    expect(told).toEqual(["booted 7"])
    isReady(["concurrency", "ping"], { pid: 7 })
    expect(told).toEqual(["booted 7", "ready concurrency,ping"])
    expect([...session.features]).toEqual(["concurrency", "ping"])
    expect(session.lost).toBeNull()
  })

  it("is ready twice and no more", () => {
    const { isReady, session, told } = loading()
    session.load(load)
    for (let i = 0; i < 3; i += 1) isReady(["load"])
    expect(told).toEqual(["booted undefined", "ready load", "faulted sent ready twice"])
    expect(session.lost?.kind).toBe("protocol")
  })

  it("may fail to load before or after it says that it runs; a ready after that is a fault", () => {
    for (const before of [true, false]) {
      const { isReady, says, session, told } = loading()
      session.load(load)
      if (!before) isReady(["load"])
      says("error", { code: "BUNDLE_LOAD_ERROR", message: "syntax" })
      isReady(["load"])
      expect(told.slice(before ? 0 : 1)).toEqual(["loadFailed syntax", "faulted sent ready twice"])
    }
  })

  it("must be able to load one", () => {
    for (const payload of [{}, { protocol: "1.1", features: ["ping"] }]) {
      const { says, session, told } = loading()
      session.load(load)
      says("ready", payload)
      expect(told).toEqual(["faulted was sent a bundle to load, and cannot load one"])
    }
  })

  it("is sent one bundle, first", () => {
    const { isReady, session } = loading()
    isReady([])
    expect(() => session.load(load)).toThrow("one bundle")
  })

  it("logs while it loads", () => {
    const { isReady, says, session, told } = loading()
    session.load(load)
    isReady(["load"])
    says("log", { level: "info", message: "at the top level" })
    expect(told).toEqual(["booted undefined", "log at the top level"])
  })
})
