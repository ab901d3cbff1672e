import type { OwnServer } from "../Bench.ts"
import { holds } from "../check.ts"
import type { Fn, FunctionSpec } from "../Door.ts"
import { descendants, isAlive, type ProcessEntry } from "../target/processTable.ts"
import { type Who, who } from "./calls.ts"
import { pause } from "./timing.ts"

const keyOf = ({ pid, startedAt }: ProcessEntry): string => `${pid}/${startedAt}`

/** Settings of a server that has no processes of nobody, which come and go beside workers. */
export const WITHOUT_SPARE_WORKERS = { quickjs_spare_workers: 0, bun_spare_workers: 0 } as const

/** The processes below a server, without those that have ended. */
export const livingChildren = (server: OwnServer): ReadonlyArray<ProcessEntry> =>
  server.process.children().filter(isAlive)

/**
 * What a server has started during `work` and still has: the workers, where nothing else starts one meanwhile
 * (`WITHOUT_SPARE_WORKERS`).
 */
export const newWorkers = async <A>(
  server: OwnServer,
  work: () => Promise<A>
): Promise<{ readonly value: A; readonly workers: ReadonlyArray<ProcessEntry> }> => {
  const before = new Set(server.process.children().map(keyOf))
  const value = await work()
  const workers = livingChildren(server).filter((entry) => !before.has(keyOf(entry)))
  return { value, workers }
}

export interface FoundWorker {
  readonly fn: Fn
  /** What the worker says of itself. */
  readonly said: Who
  /** Its processes. */
  readonly processes: ReadonlyArray<ProcessEntry>
}

/** A function with one worker, and that worker's process. The server has no spare workers. */
export const functionWithWorker = async (server: OwnServer, spec: FunctionSpec): Promise<FoundWorker> => {
  // what the runtime starts beside workers is there before
  const { runtime } = spec
  await who(await server.fn(runtime === undefined ? {} : { runtime }))
  const { value, workers } = await newWorkers(server, async () => {
    const fn = await server.fn(spec)
    return { fn, said: await who(fn) }
  })
  const { pid } = value.said
  const processes = pid === null ? workers : workers.filter((entry) => entry.pid === pid)
  holds("no process of the worker was found", processes.length > 0, workers)
  return { ...value, processes }
}

/** How long it takes until none of these processes is there any more, in milliseconds; null if longer than the bound. */
export const untilGone = async (
  processes: ReadonlyArray<ProcessEntry>,
  boundMs: number,
  signal: AbortSignal
): Promise<number | null> => {
  const began = performance.now()
  while (processes.some(isAlive)) {
    signal.throwIfAborted()
    if (performance.now() - began > boundMs) return null
    await pause(5)
  }
  return performance.now() - began
}

/** The zombies below a process. */
export const zombiesOf = (pid: number): ReadonlyArray<ProcessEntry> =>
  descendants(pid).filter(({ state }) => state === "Z")
