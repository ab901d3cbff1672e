// What is there at a server's start (LC-033 to LC-036, LC-050).
import { readFile, rm, writeFile } from "node:fs/promises"
import { CaseFailure, SetUpFailed } from "../../model/Case.ts"
import type { Bench, OwnServer } from "../Bench.ts"
import { check, holds, refused } from "../check.ts"
import { casesOf } from "../define.ts"
import { Fn, type FunctionView } from "../Door.ts"
import { gatedSource, PERMISSIVE, say } from "../lifecycle/gated.ts"
import type { ServerProcess } from "../target/ServerProcess.ts"
import { forRuntimes } from "../lifecycle/onRuntimes.ts"
import { versionsOf } from "./lifecycle-versions.ts"

const { add, all: startCases } = casesOf("lifecycle", ["own", "http"])
export { startCases }

const SETTINGS = {
  capabilities: PERMISSIVE,
  env: { COLOUR: "blue" },
  memory_mb: 99,
  timeout_seconds: 7,
  max_workers: 3,
  concurrency: 5,
  idle_timeout_seconds: 44,
  expose_errors: true
}

/** What a view says of the function itself. */
const lasting = (view: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(
    Object.entries(view).filter(
      ([key]) => !["invocations", "quarantine", "queued", "state", "workers"].includes(key)
    )
  )

/** What a server at this place says first to a request, asked again and again until somebody listens. */
const firstAnswer = async <A>(bench: Bench, process: ServerProcess, ask: () => Promise<A>): Promise<A> => {
  for (;;) {
    bench.signal.throwIfAborted()
    holds("the server ended before it answered", process.exit === null, process.output)
    try {
      return await ask()
    } catch (error) {
      // nobody listens yet, or the server of before has just let go
      if (error instanceof CaseFailure || error instanceof SetUpFailed || !(error instanceof Error))
        throw error
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
  }
}

add(
  "restart",
  "After a restart everything is as it was, from the first answer on: versions in force, settings, what is not deployed",
  ["LC-033", "LC-034", "LC-028"],
  { traits: ["socket"], timeoutMs: 60_000 },
  async (bench) => {
    const server = await bench.own()
    await forRuntimes(bench, async (runtime) => {
      const [serves, waits] = [`serves-${runtime}`, `waits-${runtime}`]
      await server.register({ name: serves, runtime, ...SETTINGS })
      for (const version of ["v1", "v2", "v3"])
        await server.deploy(serves, version, gatedSource(version, null))
      // the last is not the one in force
      await server.deploy(serves, "v2", gatedSource("v2", null))
      await server.register({ name: waits, runtime, ...SETTINGS })
    })
    const before = await everything(bench, server)
    const { data, port, socket } = server.process.place
    let { process } = server
    const starting = async (end: NodeJS.Signals) => {
      process.signal(end)
      await process.exited
      process = await bench.launch({ place: { data, port, socket } })
    }
    const { firstRuntime } = bench.target
    const expected = { version: "v2", env: { COLOUR: "blue" } }
    const requirement = ["LC-033"]

    // it is reached where the one before was
    await starting("SIGTERM")
    const first = await firstAnswer(bench, process, () => server.http(`/functions/serves-${firstRuntime}`))
    check("the first answer over HTTP", 200, first.status, new Map(), requirement)
    check("its version and environment", expected, first.json(), new Map(), requirement)
    check("what is there after SIGTERM", before, await everything(bench, server))

    await starting("SIGKILL")
    const { payload } = await firstAnswer(bench, process, () =>
      server.call("INVOKE", { function_id: `serves-${firstRuntime}` })
    )
    const success = { success: true, status: 200, body: { $json: expected } }
    check("the first answer at the socket", success, payload, new Map(), requirement)
    check("what is there after SIGKILL", before, await everything(bench, server))
    await forRuntimes(bench, async (runtime) => {
      const waits = `waits-${runtime}`
      refused("a call of what is not deployed", await server.http(`/functions/${waits}`), 404, "FN_001")
      await server.expectDeployed(waits, "v1", gatedSource("v1", null))
      const said = await say(new Fn(server, { name: waits, id: "" }))
      check("who answers", { version: "v1", env: { COLOUR: "blue" } }, said, new Map(), ["LC-034"])
      check("who answers", expected, await say(new Fn(server, { name: `serves-${runtime}`, id: "" })))
    })
  }
)

const everything = (bench: Bench, server: OwnServer) =>
  Promise.all(
    bench.target.runtimes.map(async (runtime) => ({
      serves: lasting(await server.show(`serves-${runtime}`)),
      versions: await versionsOf(server, `serves-${runtime}`),
      waits: lasting(await server.show(`waits-${runtime}`)),
      none: await versionsOf(server, `waits-${runtime}`)
    }))
  )

add(
  "missing-bundle",
  "A bundle that is missing at the start harms its own function alone, until it is back or deployed again",
  ["LC-035", "LC-033", "LC-019", "LC-040", "LC-050"],
  { timeoutMs: 60_000 },
  async (bench) => {
    const server = await bench.own()
    const settings = { warm_workers: 2, max_workers: 3 }
    const lost = new Map<string, Buffer>()
    await forRuntimes(bench, async (runtime) => {
      for (const kind of ["harmed", "mended", "warm"]) {
        const name = `${kind}-${runtime}`
        await server.register({ name, runtime, ...(kind === "mended" ? {} : settings) })
        await server.deploy(name, "v1", gatedSource("v1", null))
        const path = (await versionsOf(server, name))[0]?.bundle_path ?? ""
        if (kind !== "warm") lost.set(path, await readFile(path))
      }
    })
    await server.kill()
    for (const path of lost.keys()) await rm(path)
    const again = await bench.again(server)
    await forRuntimes(bench, async (runtime) => {
      const fnOf = (kind: string) => new Fn(again, { name: `${kind}-${runtime}`, id: "" })
      const [harmed, mended, warm] = [fnOf("harmed"), fnOf("mended"), fnOf("warm")]
      for (const fn of [harmed, mended]) {
        refused(`a call of ${fn.name}`, await fn.http(), 422, "FN_005")
      }
      // nobody has called it
      const ready = ({ workers }: FunctionView) => workers.warm + workers.idle === 2
      await warm.untilShown("two are warm (LC-050)", ready, 20_000)
      check("another function", { count: 1, version: "v1" }, await say(warm))
      await again.expectDeployed(mended.name, "v1", gatedSource("v1", null))
      check("a function that was deployed again", 200, (await mended.http()).status, new Map(), ["LC-019"])
    })
    for (const [path, bytes] of lost) await writeFile(path, bytes)
    await forRuntimes(bench, async (runtime) => {
      // a start that failed is followed by a pause, of which the caller may be told
      const back = () =>
        again.http(`/functions/harmed-${runtime}`).then(({ status }) => {
          check("a call of the one whose file is back", { $oneOf: [200, 422, 503] }, status)
          return status === 200 ? true : null
        })
      await again.until("the function whose file is back answers", back, 15_000)
    })
  }
)

add(
  "one-server",
  "A second server on the same data folder does not start, and the first is undisturbed",
  ["LC-036"],
  { timeoutMs: 60_000 },
  async (bench) => {
    const server = await bench.own()
    const fn = await server.fn({ source: gatedSource("v1", null) })
    const { worker } = await say(fn)
    const { data } = server.process.place
    const second = await bench.launch({ place: { data } })
    const ended = () => (second.exit === null ? null : true)
    await server.until("the second server ends by itself", ended, 15_000)
    check("the exit code of the second", 1, (await second.exited).code)
    holds("it does not name the folder", second.output.includes(data), second.output)
    check("who answers", { worker, count: 2 }, await say(fn))
    await server.expectRegistered({ name: "later", runtime: server.runtime })
    await server.expectDeployed("later", "v1", gatedSource("v1", null))
    check("a function that was deployed after that", 200, (await server.http("/functions/later")).status)
  }
)
