import { type Case, CaseFailure } from "../../model/Case.ts"
import { interleavingProperties } from "../properties/interleavings.ts"
import { propertyCase } from "../properties/property.ts"
import { shapeProperties } from "../properties/shapes.ts"
import { invokePayload } from "../steps/invoke.ts"
import type { WorkerTarget } from "../WorkerTarget.ts"
import { elsewhereCases } from "./elsewhere.ts"

const source = "conformance/worker/cases/code.ts"

const LINES = 40_000
const LINE_BYTES = 1_000
const PAUSE_MS = 300

/** A host that leaves the worker's output unread for a while: nothing is missing that nobody tells of. */
const droppedLines: Case<WorkerTarget> = {
  id: "worker/logs/dropped-lines",
  title: "Log lines that are dropped while the host does not read are counted",
  requirements: ["WP-117"],
  source,
  needs: {},
  timeoutMs: 30_000,
  alone: true,
  run: (target, context) =>
    target.play({ function: "script" }, context, async ({ session }) => {
      session.process.pause()
      const payload = invokePayload({ json: [["log-many", LINES, LINE_BYTES]] })
      session.send({ id: "a", type: "invoke", payload })
      await session.process.flushed()
      // However much is said meanwhile: all of it is counted, or here.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      session.process.resume()
      await session.answer("a")
      // a worker may wait with the number until it says something more
      session.send({ id: "b", type: "invoke", payload: invokePayload({ json: [["log", "info", "more"]] }) })
      await session.answer("b")
      await session.settle()
      const texts = session.heard.flatMap(({ message: { type, payload: said } }) =>
        type === "log" ? [String(said["message"])] : []
      )
      const own = texts.filter((text) => /^\d+ \.+$/.test(text)).length
      const counts = texts.flatMap((text) => (/^\d+ \.+$/.test(text) ? [] : (/\d+/.exec(text) ?? [])))
      const dropped = counts.reduce((sum, count) => sum + Number(count), 0)
      if (own + dropped === LINES) return
      throw new CaseFailure(`${LINES} lines were logged; ${own} came, and ${dropped} were told to be missing`)
    })
}

/** What was not announced is not there. */
const announcedExactly: Case<WorkerTarget> = {
  id: "worker/start/announces-exactly",
  title: "Features are announced once each, and pings are answered only where that is announced",
  requirements: ["WP-046"],
  source,
  needs: {},
  timeoutMs: 15_000,
  alone: false,
  run: (target, context) =>
    target.play({ function: "hello" }, context, async ({ session }) => {
      const { features } = session
      if (new Set(features).size !== features.length) {
        throw new CaseFailure("a feature is announced twice", { observed: features })
      }
      session.send({ id: "p", type: "ping", payload: {} })
      await session.probe()
      await session.probe()
      const isAnswered = session.has(({ type }) => type === "pong")
      if (isAnswered !== features.includes("ping")) {
        throw new CaseFailure(`a ping was ${isAnswered ? "" : "not "}answered`, { observed: features })
      }
    })
}

const TOGETHER = 50

/** Many in flight at once, each of which speaks from many asynchronous contexts. */
const attribution: Case<WorkerTarget> = {
  id: "worker/logs/attribution-of-many",
  title: "Each line is its own invocation's, with 50 in flight, in every asynchronous context",
  requirements: ["WP-110", "WP-111", "WP-120"],
  source,
  needs: { javascript: true },
  timeoutMs: 30_000,
  alone: false,
  run: (target, context) =>
    target.play({ function: "js/attribution" }, context, async ({ session }) => {
      const names = Array.from({ length: TOGETHER }, (_, index) => `n${index}`)
      for (const [index, name] of names.entries()) {
        const url = `/?name=${name}&of=${TOGETHER}&wait=${(index * 7) % 11}`
        session.send({ id: name, type: "invoke", payload: invokePayload({ url }) })
      }
      for (const name of names) await session.answer(name)
      for (const name of names) {
        const own = session.heard.flatMap(({ message: { id, type, payload } }) =>
          id === name ? [type === "log" ? String(payload["message"]) : type] : []
        )
        const places = [
          "start",
          "after the gate",
          "in a timer",
          "in a microtask",
          "in an event",
          "in a stream"
        ]
        const expected = [...places.map((place) => `${name} ${place}`), "response"]
        if (own.join("\n") !== expected.join("\n")) {
          throw new CaseFailure(`what ${name} said is not as expected`, { expected, observed: own })
        }
      }
    })
}

/** Cases that data cannot say. */
export const codeCases: ReadonlyArray<Case<WorkerTarget>> = [
  droppedLines,
  announcedExactly,
  attribution,
  ...elsewhereCases,
  ...[...shapeProperties, ...interleavingProperties].map(propertyCase)
]
