// What is seen of a function's state and its workers (LC-046 to LC-049).
import { SetUpFailed } from "../../model/Case.ts"
import { check } from "../check.ts"
import { casesOf } from "../define.ts"
import { Fn, type FunctionView } from "../Door.ts"
import { Logs } from "../guarantees/Logs.ts"
import { gatedFn, gatedSource, held, PERMISSIVE, type Said, say, tryDeploy } from "../lifecycle/gated.ts"
import { Upstream } from "../Upstream.ts"

const { all: stateCases, each } = casesOf("lifecycle", ["http"])
export { stateCases }

/** The table of states. */
const stateOf = ({ status, workers: { busy, idle, warm } }: FunctionView): string => {
  if (status === "registered") return "REGISTERED"
  if (status === "built") return "BUILT"
  if (busy > 0) return "BUSY"
  if (warm > 0) return "WARM"
  return idle > 0 ? "IDLE" : "DEPLOYED"
}

each(
  "states",
  "In everything that a function goes through its state is what the table says of its status and workers",
  ["LC-046", "LC-047"],
  { traits: ["local", "socket"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const { server } = bench
    const upstream = await Upstream.start(bench)
    const name = server.name()
    const settings = { runtime, capabilities: PERMISSIVE, max_workers: 2, concurrency: 1 }
    await server.register({ name, ...settings, idle_timeout_seconds: 2 })
    const seen: Array<string> = []
    let watching = true
    const watch = async (show: () => Promise<FunctionView>) => {
      while (watching) {
        const view = await show()
        check(`the state of ${JSON.stringify(view.workers)}`, stateOf(view), view.state)
        if (seen.at(-1) !== view.state) seen.push(view.state)
        await new Promise((resolve) => setTimeout(resolve, 4))
      }
    }
    const client = bench.keep(await server.connect())
    const watched = Promise.all([
      watch(() => server.show(name)),
      watch(async () => (await client.call("GET_FUNCTION", { function_id: name })).payload as FunctionView)
    ])
    watched.catch(() => {})
    const untilState = (state: string) =>
      Promise.race([
        watched,
        server.until(`the state ${state}`, () => (seen.at(-1) === state ? true : null), 10_000)
      ])
    try {
      await untilState("REGISTERED")
      const deploying = tryDeploy(server, name, "v1", gatedSource("v1", upstream, "load"))
      await untilState("BUILT")
      upstream.open("load")
      const { status } = await deploying
      if (status !== 200) throw new SetUpFailed("the deployment was refused", status)
      await untilState("WARM")
      await goThrough(new Fn(server, { name, id: "" }), upstream, untilState)
    } finally {
      watching = false
      await watched
    }
    bench.context.observe(`states: ${seen.join(", ")}`)
  }
)

/** A deployed function from WARM to BUSY, through another deployment, to IDLE, BUSY again, IDLE and DEPLOYED. */
const goThrough = async (
  fn: Fn,
  upstream: Upstream,
  untilState: (state: string) => Promise<unknown>
): Promise<void> => {
  const first = await held(fn, upstream, "one")
  const second = await held(fn, upstream, "two")
  await untilState("BUSY")
  const { door } = fn
  check("with two calls", { state: "BUSY", workers: { busy: 2 } }, await fn.show(), new Map(), ["LC-047"])
  upstream.open("one")
  await first.said
  check("with one call", { state: "BUSY", workers: { busy: 1 } }, await fn.show(), new Map(), ["LC-047"])
  // it may be seen as busy still, or as on its way out: the state has to fit
  await door.deploy(fn.name, "v2", gatedSource("v2", upstream))
  upstream.open("two")
  check("what ran meanwhile", { version: "v1" }, await second.said)
  await untilState("WARM")
  await untilState("IDLE")
  await say(fn)
  await untilState("IDLE")
  await untilState("DEPLOYED")
}

each(
  "queued",
  "queued is the number of invocations that wait, whichever door they came by",
  ["LC-048"],
  { traits: ["local", "socket"], timeoutMs: 30_000 },
  async (bench, runtime) => {
    const { server } = bench
    const upstream = await Upstream.start(bench)
    const fn = await gatedFn(server, runtime, upstream, { max_workers: 1, concurrency: 1 })
    check("before", { queued: 0 }, await fn.show())
    const { said } = await held(fn, upstream, "first")
    check("with one that runs", { queued: 0, state: "BUSY" }, await fn.show())
    const waits: Array<Promise<unknown>> = []
    for (let count = 1; count <= 4; count += 1) {
      const one = count % 2 === 0 ? fn.invoke({ url: "/?hold=then" }) : say(fn, "/?hold=then")
      one.catch(() => {})
      waits.push(one)
      await fn.untilShown(`${count} wait`, ({ queued }) => queued === count)
    }
    upstream.open("first")
    await said
    for (let left = 3; left >= 0; left -= 1) {
      await upstream.untilWaiting("then")
      await fn.untilShown(`${left} wait`, ({ queued }) => queued === left)
      upstream.release("then")
    }
    await Promise.all(waits)
    check("after", { queued: 0 }, await fn.show())
  }
)

each(
  "cold-start",
  "cold_start is true for the first invocation of each worker and false for all others, in the answer and in the record",
  ["LC-049"],
  { traits: ["local", "socket", "logs"], timeoutMs: 30_000 },
  async (bench, runtime) => {
    const { server } = bench
    const upstream = await Upstream.start(bench)
    const fn = await gatedFn(server, runtime, upstream, { max_workers: 3, concurrency: 2 })
    const logs = new Logs(fn)
    const client = bench.keep(await server.connect())
    const invoke = async (url: string): Promise<number> => {
      const { payload } = await client.call("INVOKE", { function_id: fn.name, url })
      const { count } = JSON.parse(Buffer.from(String(payload["body"]), "base64").toString()) as Said
      check(`cold_start of a worker's invocation ${count}`, { cold_start: count === 1 }, payload)
      const { cold_start } = await logs.untilRecord(String(payload["execution_id"]))
      check(`cold_start in the record of a worker's invocation ${count}`, count === 1, cold_start)
      return count
    }
    // the first is cold although a worker was there already, which had tried the code
    check("the first", 1, await invoke("/"))
    check("the second", 2, await invoke("/"))
    const all = Array.from({ length: 6 }, () => invoke("/?hold=all"))
    for (const one of all) one.catch(() => {})
    await upstream.untilWaiting("all", 6)
    upstream.open("all")
    const counts = await Promise.all(all)
    check("which they were of their workers", [1, 1, 2, 2, 3, 4], counts.toSorted())
    await server.deploy(fn.name, "v2", gatedSource("v2", upstream))
    check("the first of another version", 1, await invoke("/"))
    check("the second of another version", 2, await invoke("/"))
  }
)
