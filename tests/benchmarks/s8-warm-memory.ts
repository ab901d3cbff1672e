import type { Runtime } from "../../src/domain/FunctionSpec.ts"
import type { Benchmark, BenchmarkContext } from "./Benchmark.ts"
import { Connection, requestHead } from "./load/Connection.ts"
import type { LoadTarget } from "./load/LoadPlan.ts"
import { median } from "./Rounds.ts"

/** Takes long enough for as many calls as there are workers to be under way at once; tells which worker it was. */
const slowly = (ms: number): string => `
const self = crypto.randomUUID()
export default async () => {
  await new Promise((resolve) => setTimeout(resolve, ${ms}))
  return new Response(self)
}
`

/** One call on a connection of its own: Bun's `fetch` has at most 256 under way. Gives the body. */
const callOnce = (target: LoadTarget): Promise<string> =>
  new Promise((resolve, reject) => {
    const decoder = new TextDecoder()
    let body = ""
    Connection.open(target, {
      answered: (connection, status) => {
        connection.close()
        if (status === 200) resolve(body)
        else reject(new Error(`status ${status}: ${body}`))
      },
      lost: (_connection, reason) => reject(new Error(reason)),
      body: (piece) => {
        body += decoder.decode(piece, { stream: true })
      }
    })
      .then((connection) => connection.send(requestHead(target)))
      .catch(reject)
  })

/** Calls as many at once as there are workers; each of them has to answer. Gives the time it took, in milliseconds. */
const callAll = async (target: LoadTarget, count: number): Promise<number> => {
  const began = performance.now()
  const answers = await Promise.all(Array.from({ length: count }, () => callOnce(target)))
  const distinct = new Set(answers).size
  if (distinct !== count) throw new Error(`of ${count} workers ${distinct} answered`)
  return performance.now() - began
}

const megabytes = (bytes: ReadonlyArray<number>): number => median(bytes) / 1e6

/** Memory of each of some warm workers that have all answered once, in bytes. */
const warmMemoryOf = async (context: BenchmarkContext, runtime: Runtime): Promise<ReadonlyArray<number>> => {
  const { warmWorkers } = context.effort
  // A spare process would be counted as a worker.
  await using subject = await context.startSubject(["--bun-spare-workers", "0"])
  const target = await subject.deploy("warm", slowly(100), {
    runtime,
    warm_workers: warmWorkers,
    max_workers: warmWorkers
  })
  await subject.workersReady("warm", warmWorkers)
  await callAll(target, warmWorkers)
  return subject.workerMemory()
}

const crowdOf = async (context: BenchmarkContext): Promise<string> => {
  const { crowd } = context.effort
  await using subject = await context.startSubject([
    ...["--max-workers-total", String(crowd)],
    ...["--max-concurrent-starts", "32"]
  ])
  const target = await subject.deploy("crowd", slowly(1_000), {
    runtime: "quickjs-ng",
    warm_workers: crowd,
    max_workers: crowd
  })
  const began = performance.now()
  await subject.workersReady("crowd", crowd)
  const startedMs = performance.now() - began
  const answeredMs = await callAll(target, crowd)
  const memory = subject.workerMemory()
  const all = memory.reduce((sum, one) => sum + one, 0) / 1e6
  return (
    `${crowd} QuickJS-NG workers at once, each answering: ready after ${startedMs.toFixed(0)} ms, answered ` +
    `(calls of 1 s) within ${answeredMs.toFixed(0)} ms, ${all.toFixed(0)} MB in all`
  )
}

export const warmMemory: Benchmark<"quickjs" | "bun"> = {
  id: "S-8",
  promise: "memory per warm worker (PSS), QuickJS-NG / Bun",
  unit: "MB",
  atLeast: { quickjs: 2, bun: 30 },
  aim: { quickjs: 0.7, bun: 12 },
  gated: true,
  run: async (context) => {
    context.progress("QuickJS-NG")
    const quickjs = await warmMemoryOf(context, "quickjs-ng")
    context.progress("Bun")
    const bun = await warmMemoryOf(context, "bun")
    context.progress("a crowd")
    const crowd = await crowdOf(context)
    const figures = { quickjs: megabytes(quickjs), bun: megabytes(bun) }
    const range = (bytes: ReadonlyArray<number>): string =>
      `${(Math.min(...bytes) / 1e6).toFixed(2)} to ${(Math.max(...bytes) / 1e6).toFixed(2)} MB`
    return {
      figures,
      rounds: [figures],
      ratio: figures.quickjs / figures.bun,
      samples: { ours: quickjs.length, raw: bun.length },
      details: [`a worker on QuickJS-NG has ${range(quickjs)}, on Bun ("raw" here) ${range(bun)}`, crowd]
    }
  }
}
