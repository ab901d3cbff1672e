// What is there at a server's start (LC-033 to LC-036, LC-050).
import { readFile, rm, writeFile } from "node:fs/promises"
import type { Bench, OwnServer } from "../Bench.ts"
import { check, holds, refused } from "../check.ts"
import { casesOf } from "../define.ts"
import { type Door, Fn } from "../Door.ts"
import { gatedSource, PERMISSIVE, say } from "../lifecycle/gated.ts"
import type { ServerProcess } from "../target/ServerProcess.ts"
import { versionsOf } from "./lifecycle-versions.ts"

const { add, all: startCases, each } = casesOf("lifecycle", ["own", "http"])
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
  Object.fromEntries(Object.entries(view).filter(([key]) => !["queued", "state", "workers"].includes(key)))

/** What a server at this place says first to a request, asked again and again until somebody listens. */
const firstAnswer = async <A>(bench: Bench, process: ServerProcess, ask: () => Promise<A>): Promise<A> => {
  for (;;) {
    bench.signal.throwIfAborted()
    holds("the server ended before it answered", process.exit === null, process.output)
    try {
      return await ask()
    } catch (error) {
      // nobody listens yet, or the server of before has just let go
      if (!(error instanceof Error) || error.name === "CaseFailure") throw error
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
  }
}

each(
  "restart",
  "After a restart everything is as it was, from the first answer on: versions in force, settings, what is not deployed",
  ["LC-033", "LC-034", "LC-028"],
  { traits: ["socket"], timeoutMs: 60_000 },
  async (bench, runtime) => {
    const server = await bench.own()
    await server.register({ name: "serves", runtime, ...SETTINGS })
    for (const version of ["v1", "v2", "v3"])
      await server.deploy("serves", version, gatedSource(version, null))
    // the last is not the one in force
    await server.deploy("serves", "v2", gatedSource("v2", null))
    await server.register({ name: "waits", runtime, ...SETTINGS })
    const before = await everything(server)
    const { data, port, socket } = server.process.place
    let { process } = server
    const starting = async (end: NodeJS.Signals) => {
      process.signal(end)
      await process.exited
      process = await bench.launch({ place: { data, port, socket } })
    }
    const expected = { version: "v2", env: { COLOUR: "blue" } }
    const requirement = ["LC-033"]

    // it is reached where the one before was
    await starting("SIGTERM")
    const first = await firstAnswer(bench, process, () => server.http("/functions/serves"))
    check("the first answer over HTTP", 200, first.status, new Map(), requirement)
    check("its version and environment", expected, first.json(), new Map(), requirement)
    check("what is there after SIGTERM", before, await everything(server))

    await starting("SIGKILL")
    const { payload } = await firstAnswer(bench, process, () =>
      server.call("INVOKE", { function_id: "serves" })
    )
    const success = { success: true, status: 200, body: { $json: expected } }
    check("the first answer at the socket", success, payload, new Map(), requirement)
    check("what is there after SIGKILL", before, await everything(server))
    refused("a call of what is not deployed", await server.http("/functions/waits"), 404, "FN_001")
    await server.deploy("waits", "v1", gatedSource("v1", null))
    const said = await say(new Fn(server, { name: "waits", id: "" }))
    check("who answers", { version: "v1", env: { COLOUR: "blue" } }, said, new Map(), ["LC-034"])
  }
)

const everything = async (server: OwnServer) => ({
  serves: lasting(await server.show("serves")),
  versions: await versionsOf(server, "serves"),
  waits: lasting(await server.show("waits")),
  none: await versionsOf(server, "waits")
})

each(
  "missing-bundle",
  "A bundle that is missing at the start harms its own function alone, until it is back or deployed again",
  ["LC-035", "LC-033", "LC-019"],
  { timeoutMs: 60_000 },
  async (bench, runtime) => {
    const server = await bench.own()
    const names = ["harmed", "mended", "sound"]
    for (const name of names) {
      await server.register({ name, runtime })
      await server.deploy(name, "v1", gatedSource("v1", null))
    }
    const pathOf = async (name: string) => (await versionsOf(server, name))[0]?.bundle_path ?? ""
    const [harmed, mended] = [await pathOf("harmed"), await pathOf("mended")]
    const bytes = await readFile(harmed)
    await server.process.stop(5_000)
    await rm(harmed)
    await rm(mended)
    const again = await bench.again(server)
    const call = (door: Door, name: string) => door.http(`/functions/${name}`)
    check("another function", 200, (await call(again, "sound")).status)
    for (const name of ["harmed", "mended"]) {
      refused(`a call of ${name}`, await call(again, name), 422, "FN_005")
    }
    await writeFile(harmed, bytes)
    await again.deploy("mended", "v1", gatedSource("v1", null))
    check("a function that was deployed again", 200, (await call(again, "mended")).status, new Map(), [
      "LC-019"
    ])
    // a start that failed is followed by a pause, of which the caller may be told
    const back = () =>
      call(again, "harmed").then(({ status }) => {
        check("a call of the one whose file is back", { $oneOf: [200, 422, 503] }, status)
        return status === 200 ? true : null
      })
    await again.until("the function whose file is back answers", back, 15_000)
    check("another function", 200, (await call(again, "sound")).status)
  }
)

add(
  "one-server",
  "A second server on the same data folder does not start, and the first is undisturbed; after SIGKILL the folder is free",
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
    await server.register({ name: "later", runtime: server.runtime })
    await server.deploy("later", "v1", gatedSource("v1", null))
    await server.kill()
    const again = await bench.again(server)
    check("a function after that", "later", (await again.show("later")).name)
    check("who answers", { version: "v1" }, await say(new Fn(again, fn)))
  }
)

each(
  "warm-at-start",
  "After a restart the warm workers are there without a call, of what can be loaded",
  ["LC-050", "LC-040"],
  { timeoutMs: 60_000 },
  async (bench, runtime) => {
    const server = await bench.own()
    const settings = { runtime, warm_workers: 2, max_workers: 3 }
    for (const name of ["warm", "lost"]) {
      await server.register({ name, ...settings })
      await server.deploy(name, "v1", gatedSource("v1", null))
    }
    const [lost] = await versionsOf(server, "lost")
    await server.kill()
    await rm(lost?.bundle_path ?? "")
    const again = await bench.again(server)
    const fn = new Fn(again, { name: "warm", id: "" })
    await fn.untilShown("two are warm", ({ workers }) => workers.warm + workers.idle === 2, 20_000)
    check("its first call", { count: 1, version: "v1" }, await say(fn))
  }
)
