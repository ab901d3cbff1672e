// Going back and deleting: what is in force afterwards, what finishes, and what is free again (LC-052 to LC-061).
import { rm, writeFile } from "node:fs/promises"
import { check, refused } from "../check.ts"
import { casesOf } from "../define.ts"
import type { Door } from "../Door.ts"
import { functionWithWorker, untilGone, WITHOUT_SPARE_WORKERS } from "../guarantees/workers.ts"
import { gatedFn, gatedSource, held, PERMISSIVE, say, tryDeploy } from "../lifecycle/gated.ts"
import { onRuntimes } from "../lifecycle/onRuntimes.ts"
import { Upstream } from "../Upstream.ts"
import { versionsOf } from "./lifecycle-versions.ts"

const { add, all: deletionCases, each } = casesOf("lifecycle", ["http"])
export { deletionCases }

/** To the version that it names, or to the one before. */
const rollback = (door: Door, name: string, version?: string) =>
  door.api("POST", `/functions/${name}/rollback`, version === undefined ? undefined : { version })

const expectDeleted = async (door: Door, path: string): Promise<void> => {
  const response = await door.api("DELETE", `/functions/${path}`)
  check(`the status of the deletion: ${response.text().slice(0, 300)}`, 200, response.status)
}

each(
  "rollback",
  "A rollback puts the version in force that it names, or else the one that was in force before",
  ["LC-052", "LC-053", "LC-016", "LC-017"],
  { timeoutMs: 40_000 },
  async ({ server }, runtime) => {
    const fn = await gatedFn(server, runtime, null)
    refused("with nothing to go back to", await rollback(server, fn.name), 400, "FN_006")
    for (const label of ["v2", "v3"]) await server.deploy(fn.name, label, gatedSource(label, null))
    const stored = (await versionsOf(server, fn.name)).map(({ sha256, version }) => ({ sha256, version }))
    const steps = [
      ["v1", "v1", "LC-052"],
      [undefined, "v3", "LC-053"],
      [undefined, "v1", "LC-053"],
      ["v2", "v2", "LC-052"],
      [undefined, "v1", "LC-053"]
    ] as const
    for (const [named, expected, requirement] of steps) {
      await server.expectRolledBack(fn.name, named)
      const what = named === undefined ? "a rollback to what was before" : `a rollback to ${named}`
      const only = [requirement]
      check(`who answers after ${what}`, { version: expected }, await say(fn), new Map(), only)
      check(`the function after ${what}`, { active_version: expected }, await fn.show(), new Map(), only)
      const listed = await versionsOf(server, fn.name)
      const active = listed.filter((one) => one.active).map(({ version }) => version)
      check("the active versions", [expected], active, new Map(), ["LC-016"])
      check("the versions", stored, listed, new Map(), ["LC-017"])
    }
    const { count, worker } = await say(fn)
    await server.expectRolledBack(fn.name, "v1")
    check("who answers after nothing changed", { worker, count: count + 1 }, await say(fn))
  }
)

each(
  "rollback-fails",
  "A rollback to what is not there, is damaged or does not load any more leaves the version in force",
  ["LC-054"],
  { traits: ["own"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const { server } = bench
    const upstream = await Upstream.start(bench)
    const name = server.name()
    await server.register({ name, runtime, capabilities: PERMISSIVE })
    // it loads when the upstream's one gate opens, and throws when the other one does
    const fickle = `const at = ${JSON.stringify(upstream.url("/hold/"))}
      const through = (gate) => fetch(at + gate).then((answer) => answer.text()).then(() => gate)
      if ((await Promise.race([through("throw"), through("load")])) === "throw") throw new Error("no more")
      export default () => new Response("fickle")`
    const deploying = server.deploy(name, "fickle", fickle)
    await Promise.race([deploying, upstream.untilWaiting("load")])
    upstream.release("load")
    await deploying
    await server.deploy(name, "damaged", "export default () => new Response('damaged')")
    await server.deploy(name, "gone", "export default () => new Response('gone')")
    await server.deploy(name, "last", "export default () => new Response('last')")
    const pathOf = new Map((await versionsOf(server, name)).map((one) => [one.version, one.bundle_path]))
    await writeFile(pathOf.get("damaged") ?? "", "export default () => new Response('not what was deployed')")
    await rm(pathOf.get("gone") ?? "")

    const lastServes = async (when: string) => {
      check(`who answers ${when}`, "last", (await server.http(`/functions/${name}`)).text())
      check(`the function ${when}`, { active_version: "last" }, await server.show(name))
    }
    refused("to what was never there", await rollback(server, name, "never"), 404, "FN_001")
    await lastServes("after a rollback to what was never there")
    for (const label of ["damaged", "gone"]) {
      refused(`to what is ${label}`, await rollback(server, name, label), 422, "FN_005")
      await lastServes(`after a rollback to what is ${label}`)
    }
    const trying = rollback(server, name, "fickle")
    await Promise.race([trying, upstream.untilWaiting("load")])
    await lastServes("while an earlier version is tried")
    upstream.open("throw")
    refused("to what does not load any more", await trying, 422, "FN_005")
    await lastServes("after a rollback to what does not load any more")
  }
)

each(
  "rollback-takes-turns",
  "A rollback that comes during a deployment goes back from what that puts in force",
  ["LC-055", "LC-053"],
  { traits: ["local"] },
  async (bench, runtime) => {
    const { server } = bench
    const upstream = await Upstream.start(bench)
    const fn = await gatedFn(server, runtime, upstream)
    await server.deploy(fn.name, "v2", gatedSource("v2", upstream))
    const deploying = server.deploy(fn.name, "v3", gatedSource("v3", upstream, "load"))
    await Promise.race([deploying, upstream.untilWaiting("load")])
    const back = server.expectRolledBack(fn.name)
    back.catch(() => {})
    check("who answers meanwhile", { version: "v2" }, await say(fn))
    upstream.open("load")
    await deploying
    check("the rollback", { version: "v2", replaced: "v3" }, await back)
    check("who answers", { version: "v2" }, await say(fn))
  }
)

add(
  "deleted-function",
  "What was admitted to a function that is deleted finishes, then its workers end; what comes later is FN_001",
  ["LC-056", "LC-057", "LC-058"],
  { traits: ["own"], timeoutMs: 60_000 },
  onRuntimes({ settings: WITHOUT_SPARE_WORKERS }, async (server, runtime, bench) => {
    const upstream = await Upstream.start(bench)
    const { fn, processes } = await functionWithWorker(server, {
      runtime,
      source: gatedSource("v1", upstream),
      capabilities: PERMISSIVE,
      max_workers: 1,
      expose_errors: true
    })
    const { said: runs } = await held(fn, upstream, "under-way")
    const waits = [say(fn), say(fn)]
    for (const one of waits) one.catch(() => {})
    await fn.untilShown("two wait", ({ queued }) => queued === 2)
    await expectDeleted(server, fn.name)
    for (const way of [fn.name, fn.id]) {
      refused(`a call of ${way}`, await server.http(`/functions/${way}`), 404, "FN_001")
      refused(`a look at ${way}`, await server.api("GET", `/functions/${way}`), 404, "FN_001")
    }
    upstream.open("under-way")
    for (const one of [await runs, ...(await Promise.all(waits))])
      check("who answers what came before", { version: "v1" }, one, new Map(), ["LC-057"])
    const gone = await untilGone(processes, 10_000, bench.signal)
    check("its worker ends", true, gone !== null, new Map(), ["LC-058"])
  })
)

add(
  "deleted-for-good",
  "A function that was deleted is not there after a restart, and its idle and warm workers have ended before",
  ["LC-056", "LC-058"],
  { traits: ["own"], timeoutMs: 60_000 },
  async (bench) => {
    const server = await bench.own({ settings: WITHOUT_SPARE_WORKERS })
    const { runtime } = server
    const settings = { runtime, warm_workers: 1, max_workers: 2 }
    const { fn, processes } = await functionWithWorker(server, settings)
    await expectDeleted(server, fn.id)
    const gone = await untilGone(processes, 10_000, bench.signal)
    check("its warm worker ends", true, gone !== null, new Map(), ["LC-058"])
    await server.kill()
    const again = await bench.again(server)
    for (const way of [fn.name, fn.id]) {
      refused(`a call of ${way}`, await again.http(`/functions/${way}`), 404, "FN_001")
      refused(`a look at ${way}`, await again.api("GET", `/functions/${way}`), 404, "FN_001")
    }
  }
)

each(
  "name-is-free",
  "The name of a deleted function is free for another one, which has another id and nothing of the first",
  ["LC-059", "LC-056"],
  {},
  async ({ server }, runtime) => {
    const fn = await gatedFn(server, runtime, null, { memory_mb: 77, env: { COLOUR: "blue" } })
    await expectDeleted(server, fn.name)
    const view = await server.expectRegistered({ name: fn.name, runtime })
    const fresh = { status: "registered", active_version: null, env: [], memory_mb: { $not: 77 } }
    check("the new function", { ...fresh, function_id: { $not: fn.id } }, view)
    check("its versions", [], await versionsOf(server, fn.name))
    refused("a call of it", await server.http(`/functions/${fn.name}`), 404, "FN_001")
    await server.expectDeployed(fn.name, "v1", gatedSource("another", null))
    const said = await say(fn)
    check("who answers", { version: "another" }, said)
    check("what its environment has of the first", undefined, said.env["COLOUR"])
    refused("a call by the old id", await server.http(`/functions/${fn.id}`), 404, "FN_001")
  }
)

each(
  "deleted-version",
  "The version in force is not deleted; another one is, and its label is free for other content",
  ["LC-060", "LC-061"],
  { timeoutMs: 30_000 },
  async ({ server }, runtime) => {
    const fn = await gatedFn(server, runtime, null)
    await server.deploy(fn.name, "v2", gatedSource("v2", null))
    const { worker } = await say(fn)
    const before = await versionsOf(server, fn.name)
    const inForce = await server.api("DELETE", `/functions/${fn.name}/versions/v2`)
    const requirement = ["LC-060"]
    check("the deletion of the version in force", 400, inForce.status, new Map(), requirement)
    refused("the deletion of the version in force", inForce, 400, "FN_006")
    check("the versions", before, await versionsOf(server, fn.name), new Map(), requirement)
    check("who answers", { version: "v2", worker, count: 2 }, await say(fn), new Map(), requirement)

    const other = gatedSource("other", null)
    refused("other content while it is there", await tryDeploy(server, fn.name, "v1", other), 422, "FN_005")
    await expectDeleted(server, `${fn.name}/versions/v1`)
    check("the versions", [{ version: "v2", active: true }], await versionsOf(server, fn.name))
    await server.expectDeployed(fn.name, "v1", other)
    check("who answers", { version: "other" }, await say(fn), new Map(), ["LC-061"])
  }
)
