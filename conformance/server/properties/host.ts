import fc from "fast-check"
import { checkProperty } from "../../data/replay.ts"
import { casesOf, type ServerCase } from "../define.ts"
import { playWorkerSays, type WorkerSays } from "../hostSteps.ts"
import { newSession } from "../steps.ts"

/** Workers that answer in any order, in any pieces, with anything harmless in between. */

/** Lines that a host has to pass over; `{id}` is that of the invocation that is answered next. */
const harmless = fc.oneof(
  fc.constantFrom(
    "",
    "plain words",
    "{}",
    "[1,2]",
    "null",
    '{"id":"{id}"}',
    '{"id":"{id}","type":"weather","payload":{}}',
    '{"id":"{id}","type":"log","payload":{"level":"info","message":"€ 𝄞"}}',
    '{"id":"nobody","type":"log","payload":{"level":"warn","message":"for nobody"}}',
    '{"id":"nobody","type":"pong","payload":{}}',
    '{"type":"response","payload":{"status":200,"headers":{},"body":""}}'
  ),
  fc.string({ unit: "grapheme", maxLength: 30 }).map((text) => text.replaceAll(/[\n\r{}]/g, " "))
)

const says: fc.Arbitrary<WorkerSays> = fc.integer({ min: 1, max: 12 }).chain((calls) =>
  fc.record({
    calls: fc.constant(calls),
    order: fc.array(fc.nat(100), { minLength: calls, maxLength: calls }),
    between: fc.array(harmless, { maxLength: calls }),
    piece: fc.oneof(fc.constant(0), fc.integer({ min: 20, max: 400 }))
  })
)

const TITLE =
  "Answers in any order and in any pieces, with anything harmless between them, go where they belong"
const REQUIREMENTS = ["WP-013", "WP-022", "WP-033", "WP-136", "GR-001"]

export const hostProperties = (runs: number | null): ReadonlyArray<ServerCase> => {
  const cases = casesOf("properties", ["scripted-worker", "http"])
  cases.add("worker-output", TITLE, REQUIREMENTS, { timeoutMs: 40_000 }, async (bench) => {
    const session = newSession(bench, null)
    await checkProperty(
      fc.asyncProperty(says, (one) => playWorkerSays(one, session)),
      {
        context: bench.context,
        runs: runs ?? 40,
        withinMs: 25_000,
        timeoutFactor: bench.target.options.timeoutFactor,
        replay: ([one]) => ({
          area: "replay",
          case: {
            id: "worker-output",
            title: TITLE,
            requirements: REQUIREMENTS,
            needs: { traits: ["scripted-worker"] },
            steps: [{ worker_says: one }]
          }
        })
      }
    )
  })
  return cases.all
}
