import { describe, expect, it } from "vitest"
import { playSteps } from "../../data/steps.ts"
import { CaseFailure } from "../../model/Case.ts"
import { type StepData, stepsOf } from "../properties/property.ts"
import { bench, scriptedCommand, targetOf } from "../testing/bench.ts"

const everything = { protocol: "1.1", features: ["ping", "concurrency", "cancel", "call"] }

/** Plays steps with a scripted worker: null where they pass, else the failure. */
const play = async (steps: ReadonlyArray<StepData>, ready: object = everything) => {
  const { context } = bench()
  const target = targetOf(scriptedCommand(ready), 2_000)
  return await target
    .play({ function: "hello" }, context, (room) => playSteps(stepsOf(steps), room, context.signal))
    .then(
      () => null,
      (error: unknown) => error
    )
}

const passes = async (...steps: ReadonlyArray<StepData>): Promise<void> => {
  expect(await play(steps)).toBeNull()
}

const fails = async (message: string | RegExp, ...steps: ReadonlyArray<StepData>): Promise<CaseFailure> => {
  const failure = await play(steps)
  expect(failure).toBeInstanceOf(CaseFailure)
  expect((failure as CaseFailure).message).toMatch(message)
  return failure as CaseFailure
}

const line = (id: string, type: string, payload: object): string => JSON.stringify({ id, type, payload })
const ok = (id: string, body = ""): string =>
  line(id, "response", { status: 200, headers: { "x-a": "1" }, body })
const log = (id: string, message: string): string => line(id, "log", { level: "info", message })
/** Has the worker say lines. */
const say = (id: string, ...lines: ReadonlyArray<string>): StepData => ({
  invoke: { id, more: { say: lines } }
})

describe("steps that wait for answers", () => {
  it("pass with the right one, in whatever order others come", async () => {
    await passes(
      say("a"),
      say("b", ok("b", "Yg=="), line("a", "error", { message: "no", code: "HANDLER_ERROR" })),
      { error: { id: "a", code: "HANDLER_ERROR", message: { $contains: "n" } } },
      { answer: { id: "b", status: 200, text: "b", headers: { "x-a": "1", "x-b": { $absent: true } } } },
      { invoke: { text: "there and back", echoes: true } },
      { invoke: { json: { a: 1 }, answer: { status: 200, json: { a: 1 }, bytes: 7 } } },
      { invoke: { size: 300, answer: { bytes: { $gte: 300 } } } }
    )
  })

  it("fail with the wrong one, saying where it differs", async () => {
    const failure = await fails(
      'invoke (step:1:1): the response to "a": payload.body as text is not as expected',
      { invoke: { id: "a", text: "one", answer: { text: "two" } } }
    )
    expect([failure.expected, failure.observed]).toEqual(["two", "one"])
    await fails(
      "was answered by an error",
      say("a", line("a", "error", { message: "no", code: "CANCELLED" })),
      {
        answer: { id: "a" }
      }
    )
    await fails("was answered by a response", say("a", ok("a")), { error: { id: "a" } })
    await fails('the answer to "a": type is not as expected', say("a", ok("a")), {
      answered: { id: "a", is: { type: "error" } }
    })
  })

  it("fail when none comes: the worker has ended, or is silent", async () => {
    await fails(/the worker ended with code 4 before an answer to "a" came/, {
      invoke: { id: "a", more: { say: [], exit: 4 }, answer: {} }
    })
    await fails(/an answer to "a" did not come within 2000 ms/, say("a"), { answered: { id: "a" } })
  })
})

describe("steps about log lines and order", () => {
  const two: ReadonlyArray<StepData> = [
    say("a", log("a", "one"), log("", "other"), log("a", "two"), ok("a")),
    { answer: { id: "a" } }
  ]

  it("hold all lines of an id against a list", async () => {
    await passes(...two, { logs: { id: "a", lines: ["one", { level: "info", message: "two" }] } })
    for (const lines of [["one"], ["two", "one"], ["one", "two", "three"], []]) {
      await fails(/the log lines of "a"/, ...two, { logs: { id: "a", lines } })
    }
  })

  it("wait for one line", async () => {
    await passes(say("a", log("a", "x"), log("a", "said"), ok("a")), {
      expect_log: { id: "a", message: { $pattern: "^s" } }
    })
    await fails(/the log line .* did not come/, ...two, { expect_log: { id: "a", message: "three" } })
  })

  it("hold an order, with whatever is between", async () => {
    await passes(...two, {
      order: [{ type: "ready" }, { payload: { message: "two" } }, { type: "response" }]
    })
    await fails("the message number 2 of this order", ...two, {
      order: [{ payload: { message: "two" } }, { payload: { message: "one" } }]
    })
  })

  it("tell what was not to come", async () => {
    await passes(...two, { absent: { id: "b" } })
    await fails("this was not to come", ...two, { absent: { type: "log", id: "" } })
  })
})

describe("steps about the worker", () => {
  it("settle, probe, and see its end", async () => {
    await passes({ ping: { id: "p" } }, { pong: { id: "p" } }, { settle: true }, { alive: true })
    await passes({ shutdown: true }, { exit: { code: 0 } })
    await passes({ close_stdin: true }, { exit: { code: 0 } }, { stderr: { bytes: 0 } })
    await passes({ kill: true })
    await fails("the worker ended with code 0", { close_stdin: true }, { exit: { code: 1 } })
    await fails(
      "it printed on stderr has another size",
      { close_stdin: true },
      { stderr: { bytes: { $gte: 1 } } }
    )
  })

  it("settle by an invocation where there are no pings", async () => {
    expect(await play([{ settle: true }, { alive: true }], {})).toBeNull()
    expect(await play([{ ping: { id: "p" } }, { pong: { id: "p" } }], {})).toBeNull()
  })

  it("fail when it ends by itself after the last step", async () => {
    await fails(/ended by itself, with code 9|ended with code 9 before a pong came/, {
      invoke: { id: "a", more: { say: [ok("a")], exit: 9 }, answer: {} }
    })
  })

  it("fail with what the monitors saw, and the requirement that it belongs to", async () => {
    const twice = await fails(
      "was answered already",
      say("a", ok("a"), ok("a")),
      { answer: { id: "a" } },
      { alive: true }
    )
    expect(twice.requirements).toEqual(["WP-091"])
    const late = await fails("a line is not JSON: stray", say("a", ok("a"), "stray"), { answer: { id: "a" } })
    expect(late.requirements).toEqual(["WP-010"])
    const while_waiting = await fails("which was never invoked", say("a", ok("x")), { answer: { id: "a" } })
    expect(while_waiting.requirements).toEqual(["WP-092"])
  })
})

describe("steps that speak", () => {
  it("send bytes and lines, whole or torn", async () => {
    await passes(
      {
        torn: {
          lines: [
            { id: "a", type: "invoke", payload: {} },
            { id: "p", type: "ping" }
          ],
          cuts: [1, 0, 2, 3, 40]
        }
      },
      { answer: { id: "a" } },
      { pong: { id: "p" } },
      { raw: '{"id":"b","type":"inv' },
      { raw_base64: Buffer.from('oke"}\n').toString("base64") },
      { answer: { id: "b" } },
      { raw_repeat: { before: '{"id":"c",', text: " ", times: 100_000, after: '"type":"invoke"}\n' } },
      { answer: { id: "c" } }
    )
  })

  it("take values down and send them", async () => {
    const call = line("a", "call", { call_id: "c-7", name: "fetch" })
    await passes(
      say("a", call),
      { expect: { type: "call", id: "a", payload: { call_id: { $as: "call" } } } },
      { result: { id: "a", call_id: { $ref: "call" }, ok: true } },
      { send: { id: { $ref: "call" }, type: "invoke", payload: { say: [call, ok("c-7")] } } },
      { answer: { id: "c-7" } },
      { expect: { type: "call", id: "a", payload: { call_id: { $ref: "call" } } } }
    )
    await fails("payload.call_id is not as expected", say("a", call), {
      expect: { type: "call", payload: { call_id: "c-8" } }
    })
  })

  it("are refused where they are none", () => {
    const refused: ReadonlyArray<readonly [StepData, string]> = [
      [{ invoke: { id: 5 } }, "id: expected a string"],
      [{ invoke: { text: "a", json: 1 } }, "a body is given in one way only"],
      [{ answer: { id: "a", status: { $near: 200 } } }, "there is no matcher $near"],
      [{ load: { function: "nobody" } }, "there is no function nobody"],
      [{ raw_base64: "%" }, "this is not base64"],
      [{ sing: true }, "there is no step sing"]
    ]
    for (const [step, why] of refused) expect(() => stepsOf([step])).toThrow(why)
  })
})
