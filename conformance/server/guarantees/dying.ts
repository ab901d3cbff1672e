import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { check, holds } from "../check.ts"
import type { Door, Fn, FunctionView } from "../Door.ts"
import { call, expectOutcome, many, type Outcome } from "./calls.ts"
import { pause } from "./timing.ts"

/** So many crashes in a row quarantine a version. */
export const CRASHES = 20

export interface Dying {
  readonly fn: Fn
  /** Workers that were started so far. */
  readonly starts: () => number
}

/** A function on bun whose worker ends with a call of `/die`, and leaves a byte for each start. */
export const dyingFn = async (door: Door, folder: string, settings: object = {}): Promise<Dying> => {
  const starts = join(folder, `starts-${door.name()}`)
  const source = `import { appendFileSync } from "node:fs"
    appendFileSync(${JSON.stringify(starts)}, "x")
    export default (request) => {
      if (request.url.endsWith("/die")) process.exit(7)
      return Response.json({ worker: String(process.pid), count: 0, pid: process.pid })
    }`
  const fn = await door.fn({ runtime: "bun", source, ...settings })
  return { fn, starts: () => (existsSync(starts) ? readFileSync(starts).length : 0) }
}

export interface QuarantineView {
  readonly cause: unknown
  readonly failures: number
  readonly since: string
  readonly until: string
  readonly reason: unknown
}

export const quarantineOf = ({ quarantine }: FunctionView): QuarantineView | null =>
  (quarantine ?? null) as QuarantineView | null

/** Has workers crash, one after another, as often as it takes. */
export const crashOften = async (fn: Fn): Promise<void> => {
  for (let n = 1; n <= CRASHES; n += 1) {
    const outcome = await call(fn, "/die")
    expectOutcome(`call ${n} that crashes its worker`, outcome, { status: 502, code: "FN_004" }, "GR-020")
  }
  await fn.untilShown("its workers are gone", ({ workers }) => workers.busy + workers.draining === 0)
}

/** The same until it shows its quarantine. */
export const quarantined = async (fn: Fn): Promise<QuarantineView> => {
  await crashOften(fn)
  const shown = quarantineOf(await fn.show())
  check("its quarantine", { cause: "crashes" }, shown, new Map(), ["GR-085"])
  return shown as QuarantineView
}

/** So many calls at once, again and again, until not all are refused for the quarantine: not before its time is over. */
export const firstServed = async (
  fn: Fn,
  path: string,
  until: string,
  atOnce: number
): Promise<ReadonlyArray<Outcome>> => {
  for (;;) {
    const outcomes = await many(atOnce, () => call(fn, path))
    if (outcomes.some(({ code }) => code !== "FN_008")) {
      // the clock of what is shown is not the one by which the server waits
      holds("a worker was tried before its time", Date.now() >= Date.parse(until) - 250, { until })
      return outcomes
    }
    fn.door.context.signal.throwIfAborted()
    await pause(100)
  }
}
