import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import { SimulatedClock } from "../../tests/support/SimulatedClock.ts"
import type { Invocation } from "../domain/Invocation.ts"
import { HostMessage } from "../protocol/worker/Messages.ts"
import type { LogPayload } from "../protocol/worker/Wire.ts"
import type { WorkerAnswer, WorkerFault } from "./WorkerAnswer.ts"
import {
  ANSWERED_KEPT,
  LOG_BYTES_OUTSIDE,
  LOG_BYTES_PER_INVOCATION,
  LOG_LINES_OUTSIDE,
  LOG_LINES_PER_INVOCATION,
  LOG_WINDOW_MS
} from "./WorkerLines.ts"
import { WorkerSession } from "./WorkerSession.ts"
import { listeningTransport } from "../../tests/support/listeningTransport.ts"

const invocation = (id: string, fields: Partial<Invocation> = {}): Invocation => ({
  id,
  method: "GET",
  path: "/",
  url: "/",
  headers: {},
  body: null,
  ...fields
})

interface Settled {
  readonly id: string
  readonly answer: WorkerAnswer
  readonly linesCut: number
}

/** A session, and everything that it said to either side. */
class Conversation {
  readonly written: Array<string> = []
  readonly logs: Array<{ readonly payload: LogPayload; readonly invocation: string | null }> = []
  readonly strays: Array<string> = []
  readonly faults: Array<WorkerFault> = []
  readonly settled: Array<Settled> = []
  readonly owner: Array<string> = []
  readonly clock = new SimulatedClock()
  readonly session: WorkerSession

  constructor(limitBytes?: number) {
    this.session = new WorkerSession(
      listeningTransport((line) => void this.written.push(line)),
      {
        ready: () => void this.owner.push("ready"),
        loadFailed: (error) => void this.owner.push(`loadFailed: ${error.message}`),
        log: (payload, invocation) => void this.logs.push({ payload, invocation }),
        stray: (text) => void this.strays.push(text),
        faulted: (fault) => void this.faults.push(fault)
      },
      this.clock.service,
      limitBytes
    )
  }

  hears(...messages: ReadonlyArray<unknown>): this {
    for (const message of messages) this.hearsText(`${JSON.stringify(message)}\n`)
    return this
  }

  hearsText(text: string): this {
    this.session.receive(Buffer.from(text))
    return this
  }

  ready(features: ReadonlyArray<string> = ["concurrency", "cancel", "ping"]): this {
    return this.hears({ id: "", type: "ready", payload: { protocol: "1.1", features } })
  }

  invoke(id: string, fields: Partial<Invocation> = {}): string {
    return this.session.invoke(invocation(id, fields), 1_000, (answer, linesCut) =>
      this.settled.push({ id, answer, linesCut })
    )
  }

  get heard(): Array<{ readonly id: string; readonly type: string }> {
    return this.written.map((line) => JSON.parse(line) as { id: string; type: string })
  }
}

const response = (id: string) => ({ id, type: "response", payload: { status: 200, headers: {}, body: "" } })
const log = (id: string, message: string) => ({ id, type: "log", payload: { level: "info", message } })
const summary = ({ settled }: Conversation) => settled.map(({ answer, id }) => `${id}: ${answer._tag}`)

describe("what the worker must not do ends the session", () => {
  const cases: ReadonlyArray<readonly [string, (talk: Conversation) => void, RegExp]> = [
    ["answers an id that was not asked", (talk) => talk.hears(response("b")), /not asked/],
    ["answers twice", (talk) => talk.hears(response("a"), response("a")), /answered it twice/],
    [
      "sends an error for nobody",
      (talk) => talk.hears({ id: "b", type: "error", payload: { message: "", code: "" } }),
      /not asked/
    ],
    ["gets ready twice", (talk) => talk.ready(), /ready twice/],
    [
      "sends a malformed message",
      (talk) => talk.hears({ id: "a", type: "response", payload: {} }),
      /malformed response/
    ],
    ...["%%%", "YQ", "YW=", "Y Q=", "YQ==YQ=="].map(
      (body) =>
        [
          `sends a body that is not base64: ${body}`,
          (talk: Conversation) =>
            talk.hears({ id: "a", type: "response", payload: { status: 200, headers: {}, body } }),
          /body is not base64/
        ] as const
    ),
    ["sends a line that is too long", (talk) => talk.hearsText("x".repeat(5_000)), /more than 4096 bytes/]
  ]
  for (const [name, misbehave, reason] of cases) {
    it(`when it ${name}`, () => {
      const talk = new Conversation(4096).ready()
      talk.invoke("a")
      talk.invoke("c")
      misbehave(talk)
      expect(talk.faults).toHaveLength(1)
      expect(talk.faults[0]?.kind).toBe("protocol")
      expect(talk.faults[0]?.reason).toMatch(reason)
      expect(talk.session.lost).toBe(talk.faults[0])
      expect(talk.settled.map(({ id }) => id).sort()).toEqual(["a", "c"])
      expect(summary(talk)).toContain("c: Lost")
      // Nothing that comes later counts.
      talk.hears(response("c"), log("c", "late")).ready()
      talk.hearsText("stray\n")
      talk.session.fail({ kind: "exit", reason: "exited with code 0" })
      expect([talk.settled.length, talk.faults.length, talk.logs.length, talk.strays.length]).toEqual([
        2, 1, 0, 0
      ])
    })
  }

  it("in the middle of a chunk: what stands before it counts, what stands behind it does not", () => {
    const talk = new Conversation().ready()
    for (const id of ["a", "b", "c"]) talk.invoke(id)
    talk.hearsText(
      [response("a"), response("x"), response("b")].map((one) => `${JSON.stringify(one)}\n`).join("")
    )
    expect(summary(talk)).toEqual(["a: Response", "b: Lost", "c: Lost"])
  })
})

describe("a session that is lost", () => {
  it("settles everything in flight once, in order, with the log lines that were cut", () => {
    const talk = new Conversation().ready()
    talk.invoke("a")
    talk.invoke("b")
    for (let i = 0; i < LOG_LINES_PER_INVOCATION + 7; i += 1) talk.hears(log("b", "line"))
    const fault: WorkerFault = { kind: "signal", reason: "was ended by SIGSEGV" }
    talk.session.fail(fault)
    talk.session.fail({ kind: "exit", reason: "again" })
    expect(talk.settled).toEqual([
      { id: "a", answer: { _tag: "Lost", fault }, linesCut: 0 },
      { id: "b", answer: { _tag: "Lost", fault }, linesCut: 7 }
    ])
    // An exit is what its owner told it; only faults of the protocol are news.
    expect(talk.faults).toEqual([])
    expect(talk.session.inFlight).toBe(0)
  })

  it("takes nothing new and says nothing more", () => {
    const talk = new Conversation().ready()
    talk.session.fail({ kind: "exit", reason: "exited with code 0" })
    const id = talk.invoke("a")
    talk.session.cancel(id, "deadline")
    talk.session.ping(() => {
      throw new Error("a pong of the dead")
    })
    talk.session.shutdown()
    expect(summary(talk)).toEqual(["a: Lost"])
    expect(talk.written).toEqual([])
  })

  it("may be used from within a settlement", () => {
    const talk = new Conversation().ready()
    talk.session.invoke(invocation("a"), 1, () => talk.invoke("b"))
    talk.session.fail({ kind: "exit", reason: "exited with code 0" })
    expect(summary(talk)).toEqual(["b: Lost"])
  })
})

describe("ids on the wire", () => {
  it("are those of the invocations, as long as no two in flight have the same", () => {
    const talk = new Conversation().ready()
    const ids = ["same", "same", "other", "same"].map((id) => talk.invoke(id))
    expect(new Set(ids).size).toBe(4)
    expect(ids[0]).toBe("same")
    expect(ids[2]).toBe("other")
    expect(talk.heard.map(({ id }) => id)).toEqual(ids)
    // Logs and answers find their own.
    talk.hears(log(ids[3] as string, "from the last"), response(ids[1] as string), response(ids[3] as string))
    expect(talk.logs).toEqual([{ payload: { level: "info", message: "from the last" }, invocation: "same" }])
    expect(talk.session.inFlight).toBe(2)
    expect(talk.invoke("other")).not.toBe("other")
    talk.hears(response("same"), response("other"))
    expect(talk.faults).toEqual([])
  })

  it("never clash with ids that look like them", () => {
    const talk = new Conversation().ready()
    for (const id of ["a~1", "a", "a", "a~2", "a", "a~1~1", "a~1"]) talk.invoke(id)
    const ids = talk.heard.map(({ id }) => id)
    expect(new Set(ids).size).toBe(7)
    talk.hears(...ids.map(response))
    expect([talk.settled.length, talk.faults.length]).toEqual([7, 0])
  })
})

describe("getting ready", () => {
  it("is told once, with the features of a worker of version 1.1", () => {
    const talk = new Conversation().ready(["cancel"])
    expect(talk.owner).toEqual(["ready"])
    expect([...talk.session.features]).toEqual(["cancel"])
  })

  it("of version 1.0 has no features, whatever it claims", () => {
    for (const payload of [{}, { features: ["concurrency", "cancel", "ping"] }]) {
      const talk = new Conversation().hears({ id: "", type: "ready", payload })
      expect(talk.owner).toEqual(["ready"])
      expect(talk.session.features.size).toBe(0)
      const id = talk.invoke("a")
      talk.session.cancel(id, "deadline")
      talk.session.ping(() => {})
      expect(talk.heard.map(({ type }) => type)).toEqual(["invoke"])
    }
  })

  it("fails with an error that belongs to no invocation; later such an error is a fault", () => {
    const error = { id: "", type: "error", payload: { message: "no handler", code: "NO_HANDLER" } }
    expect(new Conversation().hears(error).owner).toEqual(["loadFailed: no handler"])
    const talk = new Conversation().ready().hears(error)
    expect([talk.owner, talk.faults.length]).toEqual([["ready"], 1])
    expect(new Conversation().hears(error).ready().faults).toHaveLength(1)
  })
})

describe("cancel, ping and shutdown", () => {
  it("are sent in the protocol's form", () => {
    const talk = new Conversation().ready()
    const id = talk.invoke("a")
    talk.session.cancel(id, "client_gone")
    let pongs = 0
    talk.session.ping(() => (pongs += 1))
    talk.session.shutdown()
    const decode = Schema.decodeUnknownSync(HostMessage)
    const [, cancel, ping, shutdown] = talk.written.map((line) => decode(JSON.parse(line)))
    expect(cancel).toEqual({ id: "a", type: "cancel", payload: { reason: "client_gone" } })
    expect(shutdown).toEqual({ id: "", type: "shutdown", payload: {} })
    const pong = { id: ping?.id, type: "pong", payload: {} }
    talk.hears(pong, pong, { id: "ping-nobody", type: "pong", payload: {} })
    expect([pongs, talk.faults.length]).toEqual([1, 0])
  })

  it("cancel nothing that is not in flight", () => {
    const talk = new Conversation().ready()
    talk.session.cancel("a", "deadline")
    talk.invoke("a")
    talk.hears(response("a"))
    talk.session.cancel("a", "deadline")
    expect(talk.heard).toHaveLength(1)
  })
})

describe("logs (R-12)", () => {
  it("are bounded by lines; the rest is counted, and said so", () => {
    const talk = new Conversation().ready()
    talk.invoke("a")
    for (let i = 0; i < LOG_LINES_PER_INVOCATION + 3; i += 1) talk.hears(log("a", `line ${i}`))
    expect(talk.logs).toHaveLength(LOG_LINES_PER_INVOCATION)
    expect(talk.logs.at(-1)?.payload.message).toBe(`line ${LOG_LINES_PER_INVOCATION - 1}`)
    talk.hears(response("a"))
    expect(talk.settled[0]?.linesCut).toBe(3)
    expect(talk.logs.at(-1)).toEqual({
      payload: { level: "warn", message: "3 further log lines of this invocation were cut" },
      invocation: "a"
    })
  })

  it("are bounded by size, metadata included", () => {
    const big = "x".repeat(LOG_BYTES_PER_INVOCATION / 4)
    const forms = [
      { level: "info", message: big },
      { level: "info", message: "", metadata: { big } },
      { level: "info", message: "", metadata: { deep: [{ big: [big] }] } }
    ]
    for (const payload of forms) {
      const talk = new Conversation().ready()
      talk.invoke("a")
      for (let i = 0; i < 6; i += 1) talk.hears({ id: "a", type: "log", payload })
      expect(talk.logs.length).toBeLessThanOrEqual(4)
      talk.hears(response("a"))
      expect(talk.settled[0]?.linesCut).toBe(7 - talk.logs.length)
    }
  })

  it("each invocation has bounds of its own", () => {
    const talk = new Conversation().ready()
    talk.invoke("loud")
    talk.invoke("quiet")
    for (let i = 0; i < LOG_LINES_PER_INVOCATION + 10; i += 1) talk.hears(log("loud", "line"))
    talk.hears(log("quiet", "one"), response("quiet"), response("loud"))
    expect(talk.settled.map(({ id, linesCut }) => [id, linesCut])).toEqual([
      ["quiet", 0],
      ["loud", 10]
    ])
    expect(talk.logs.filter((one) => one.invocation === "quiet")).toHaveLength(1)
  })

  it("belong to nobody before and between invocations, and to their own after its answer", () => {
    const talk = new Conversation().hears(log("", "loading")).ready()
    talk.invoke("a")
    talk.hears(log("", "between"), response("a"), log("a", "after"), log("nobody", "whose?"))
    expect(talk.logs.map((one) => [one.payload.message, one.invocation])).toEqual([
      ["loading", null],
      ["between", null],
      ["after", "a"],
      ["whose?", null]
    ])
  })

  it("that come after the answer count against their invocation's bound, and are counted past it", () => {
    const talk = new Conversation().ready()
    talk.invoke("a")
    talk.hears(log("a", "before"), response("a"))
    for (let i = 1; i < LOG_LINES_PER_INVOCATION + 5; i += 1) talk.hears(log("a", "from a timer"))
    expect(talk.settled[0]?.linesCut).toBe(0)
    expect(talk.logs).toHaveLength(LOG_LINES_PER_INVOCATION)
    talk.clock.advance(LOG_WINDOW_MS)
    expect(talk.logs.slice(LOG_LINES_PER_INVOCATION)).toEqual([
      {
        payload: {
          level: "warn",
          message: "5 further log lines of this invocation were cut after its answer within 10 s"
        },
        invocation: "a"
      }
    ])
  })

  it("are attributed by the id of the caller, whatever it is called on the wire", () => {
    const talk = new Conversation().ready()
    const first = talk.invoke("a")
    const second = talk.invoke("a")
    expect(second).not.toBe(first)
    talk.hears(response(second), log(second, "late"))
    expect(talk.logs[0]?.invocation).toBe("a")
  })

  it("of invocations that were answered long ago belong to nobody; of the last ones they are known", () => {
    const talk = new Conversation().ready()
    const most = 2 * ANSWERED_KEPT
    for (let i = 0; i <= most; i += 1) {
      talk.invoke(`i${i}`)
      talk.hears(response(`i${i}`))
    }
    talk.hears(log(`i${most - ANSWERED_KEPT + 1}`, "known"), log("i0", "forgotten"))
    expect(talk.logs.map((one) => one.invocation)).toEqual([`i${most - ANSWERED_KEPT + 1}`, null])
  })

  it("outside of any invocation are bounded within a window, by lines and by size, and the rest is counted", () => {
    const talk = new Conversation().ready()
    for (let i = 0; i < LOG_LINES_OUTSIDE + 7; i += 1) talk.hears(log("", "tick"))
    expect(talk.logs).toHaveLength(LOG_LINES_OUTSIDE)
    talk.clock.advance(LOG_WINDOW_MS)
    expect(talk.logs.at(-1)).toEqual({
      payload: {
        level: "warn",
        message: "7 further log lines outside of any invocation were cut within 10 s"
      },
      invocation: null
    })
    const before = talk.logs.length
    const big = "x".repeat(LOG_BYTES_OUTSIDE / 4)
    for (let i = 0; i < 6; i += 1) talk.hears(log("", big))
    expect(talk.logs).toHaveLength(before + 4)
    // The end of the worker does not wait for the window's.
    talk.session.fail({ kind: "exit", reason: "exited with code 0" })
    expect(talk.logs.at(-1)?.payload.message).toContain("2 further log lines outside of any invocation")
    expect(talk.clock.armed).toBe(0)
  })
})

describe("stray output", () => {
  it("is kept up to 100 lines of 64 Ki characters, and counted past that", () => {
    const talk = new Conversation().ready()
    talk.hearsText(`${"y".repeat(70_000)}\n`)
    for (let i = 1; i < 120; i += 1) talk.hearsText(`line ${i}\n`)
    talk.hearsText("\n \n\t\n")
    expect(talk.strays).toHaveLength(100)
    expect(talk.strays[0]).toHaveLength(64 * 1024)
    expect(talk.strays[99]).toBe("line 99")
    expect(talk.faults).toEqual([])
    talk.session.fail({ kind: "exit", reason: "exited with code 0" })
    expect(talk.strays.slice(100)).toEqual(["20 further lines that are no messages were cut"])
  })

  it("between messages disturbs nothing", () => {
    const talk = new Conversation().ready()
    talk.invoke("a")
    talk
      .hearsText(`printed\n{"id":"a"}\n${JSON.stringify({ id: "a", type: "later", payload: 1 })}\n`)
      .hears(response("a"))
    expect([summary(talk), talk.strays]).toEqual([["a: Response"], ["printed", '{"id":"a"}']])
  })
})
