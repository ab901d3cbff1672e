import { Schema } from "effect"
import { stepKind, type StepKind } from "../data/steps.ts"
import { check } from "./check.ts"
import { scriptBundle, type ScriptedWorker } from "./scripted/ScriptedWorker.ts"
import type { Session } from "./steps.ts"

/** Invocations of one worker at the same time, and how it answers them. */
const WorkerSays = Schema.Struct({
  /** So many are waited for before any is answered. */
  calls: Schema.Int.pipe(Schema.between(1, 15)),
  /** In which order they are answered: sorted by these numbers, of which each has one. */
  order: Schema.Array(Schema.Number),
  /** What is said before each answer: lines that harm nobody. */
  between: Schema.Array(Schema.String),
  /** Of so many bytes is each piece that is written; 0: all in one. */
  piece: Schema.Int.pipe(Schema.between(0, 10_000))
})
export type WorkerSays = typeof WorkerSays.Type

/** A worker that does what the last of its invocations says; runs as text, in a process of its own. */
const script = (worker: ScriptedWorker): void => {
  const waiting: Array<{ readonly id: string; readonly index: number }> = []
  worker.on("invoke", ({ id, payload }) => {
    const plan = JSON.parse(Buffer.from(String(payload["body"]), "base64").toString() || "{}") as {
      readonly index?: number
      readonly says?: WorkerSays
    }
    const { index, says } = plan
    if (says === undefined || index === undefined) return worker.respond(id, "plain")
    waiting.push({ id, index })
    if (waiting.length < says.calls) return
    const rank = (one: { readonly index: number }): number => says.order[one.index] ?? 0
    const lines = waiting
      .splice(0)
      .toSorted((a, b) => rank(a) - rank(b))
      .flatMap((one, at) => {
        const body = Buffer.from(`answer ${one.index}`).toString("base64")
        const answer = JSON.stringify({
          id: one.id,
          type: "response",
          payload: { status: 200, headers: {}, body }
        })
        const said = says.between[at]
        return said === undefined ? [answer] : [said.replaceAll("{id}", one.id), answer]
      })
    const bytes = Buffer.from(`${lines.join("\n")}\n`)
    const size = says.piece === 0 ? bytes.length : says.piece
    const next = (from: number): void => {
      worker.raw(bytes.subarray(from, from + size))
      if (from + size < bytes.length) setTimeout(() => next(from + size), 0)
    }
    next(0)
  })
}

export const playWorkerSays = async (says: WorkerSays, { bench }: Session): Promise<void> => {
  const door = await bench.scripted()
  const fn = await door.sharedFn({
    runtime: "quickjs-ng",
    source: scriptBundle(script, {}),
    concurrency: 15,
    max_workers: 1
  })
  const answers = await Promise.all(
    Array.from({ length: says.calls }, (_, index) =>
      fn.http("/", { method: "POST", body: JSON.stringify({ index, says }) })
    )
  )
  for (const [index, answer] of answers.entries()) {
    check(
      `the answer to call ${index}`,
      { status: 200, text: `answer ${index}` },
      { status: answer.status, text: answer.text() }
    )
  }
  check("a call afterwards", { status: 200, text: "plain" }, await fn.call("/"))
}

export const hostSteps: ReadonlyArray<StepKind<Session>> = [
  stepKind({ name: "worker_says", schema: WorkerSays, play: playWorkerSays })
]
