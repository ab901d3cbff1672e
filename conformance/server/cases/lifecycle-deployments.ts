// Deployments: what is refused, what is in force meanwhile, and turns (LC-020 to LC-032).
import { check, holds, problemOf, refused } from "../check.ts"
import { encodeRequest } from "../client/HttpClient.ts"
import { casesOf } from "../define.ts"
import { gatedFn, gatedSource, held, PERMISSIVE, say, tryDeploy } from "../lifecycle/gated.ts"
import { onRuntimes } from "../lifecycle/onRuntimes.ts"
import {
  functionWithWorker,
  livingChildren,
  WITHOUT_SPARE_WORKERS,
  untilGone
} from "../guarantees/workers.ts"
import { isAlive } from "../target/processTable.ts"
import { Upstream } from "../Upstream.ts"
import { versionsOf } from "./lifecycle-versions.ts"

const { add, all: deploymentCases, each } = casesOf("lifecycle", ["http"])
export { deploymentCases }

const OK = "export default () => new Response('ok')"

/** What is no bundle, and which requirement says so. */
const REFUSED: Readonly<Record<string, ReadonlyArray<string>>> = {
  "LC-020": [
    "export default (",
    "export default () => { let a; let a }",
    "export default async () => { yield 1 ) }"
  ],
  "LC-021": [
    `import x from "./neighbour.js"; ${OK}`,
    `import { y } from "some-package"; ${OK}`,
    `export * from "../up.js"; ${OK}`
  ],
  "LC-022": [
    `throw new Error("top"); ${OK}`,
    `${OK}; undefined.x`,
    `await Promise.reject(new Error("later")); ${OK}`,
    `throw null; ${OK}`
  ],
  "LC-023": [
    "export default 42",
    "export default {}",
    "export default { fetch: 1 }",
    "export const other = () => new Response('x')",
    "export default null"
  ]
}

each(
  "what-is-no-bundle",
  "Bundles that do not parse, are not whole, throw or have no handler are refused; the version in force serves on",
  ["LC-020", "LC-021", "LC-022", "LC-023", "LC-025", "LC-026"],
  { timeoutMs: 60_000 },
  async ({ server }, runtime) => {
    const fn = await gatedFn(server, runtime, null)
    const { worker } = await say(fn)
    for (const [requirement, bundles] of Object.entries(REFUSED)) {
      for (const bundle of bundles) {
        const refusal = await tryDeploy(server, fn.name, "v2", bundle)
        const became = { status: refusal.status, code: refusal.header("x-function-error") }
        check(`the deployment of ${bundle}`, { status: 422, code: "FN_005" }, became, new Map(), [
          requirement
        ])
        problemOf(refusal)
      }
    }
    check("who answers", { version: "v1", worker, count: 2 }, await say(fn), new Map(), ["LC-025"])
    const listed = await versionsOf(server, fn.name)
    check("the versions", [{ version: "v1", active: true }], listed, new Map(), ["LC-026"])
    await server.expectDeployed(fn.name, "v2", gatedSource("v2", null))
    check("who answers", { version: "v2" }, await say(fn), new Map(), ["LC-026"])
  }
)

each(
  "handlers",
  "What can handle requests is taken: a function, an object with fetch, a function of the handler's name",
  ["LC-023"],
  {},
  async ({ server }, runtime) => {
    const taken = [
      [OK, {}],
      ["export default { fetch: () => new Response('ok') }", {}],
      ["export const handler = () => new Response('ok')", {}],
      ["export const mine = () => new Response('ok')", { handler: "mine" }]
    ] as const
    for (const [source, settings] of taken) {
      const name = server.name()
      await server.register({ name, runtime, ...settings })
      await server.expectDeployed(name, "v1", source)
      check(`the answer of ${source}`, "ok", (await server.http(`/functions/${name}`)).text())
    }
    const name = server.name()
    await server.register({ name, runtime, handler: "mine" })
    const other = await tryDeploy(server, name, "v1", "export const handler = () => new Response('x')")
    refused("a bundle without the handler", other, 422, "FN_005")
  }
)

add(
  "modules-of-bun",
  "The modules of Bun and Node.js are in no bundle and can be imported on bun; what is tried may be missing",
  ["LC-021"],
  { traits: ["bun"] },
  async ({ server }) => {
    const name = server.name()
    await server.register({ name, runtime: "bun" })
    const source = `import { createHash } from "node:crypto"
      import path from "path"
      import { version } from "bun"
      let missing = "no"
      try { await import("not-there-by-convention") } catch { missing = "yes" }
      export default () => new Response([typeof createHash, typeof path.join, typeof version, missing].join())`
    await server.expectDeployed(name, "v1", source)
    const answer = await server.http(`/functions/${name}`)
    check("what it imported", "function,function,string,yes", answer.text())
    const refusal = await tryDeploy(server, name, "v2", `import "node:not-there"; ${OK}`)
    refused("a module that Node.js does not have", refusal, 422, "FN_005")
  }
)

add(
  "never-ready",
  "A bundle that is not loaded when the start-up time is over is refused, its worker killed; calls are served meanwhile",
  ["LC-024", "LC-025", "LC-026", "LC-044"],
  { traits: ["own"], timeoutMs: 60_000 },
  onRuntimes(
    { settings: { startup_timeout_seconds: 2, ...WITHOUT_SPARE_WORKERS } },
    async (server, runtime, bench) => {
      const { fn, processes } = await functionWithWorker(server, { runtime })
      const before = livingChildren(server)
      const known = new Set(before.map(({ pid }) => pid))
      for (const top of ["await new Promise((done) => setTimeout(done, 60_000))", "for (;;);"]) {
        const began = performance.now()
        const deploying = tryDeploy(server, fn.name, "v2", `${top}\n${OK}`)
        deploying.catch(() => {})
        const trying = await server.until("a worker that tries the code", () => {
          const found = livingChildren(server).filter(({ pid }) => !known.has(pid))
          return found.length > 0 ? found : null
        })
        check("a call meanwhile", 200, (await fn.call("/do/who")).status, new Map(), ["LC-024"])
        holds("the call had to wait for the deployment", trying.some(isAlive))
        refused(`the deployment of ${top}`, await deploying, 422, "FN_005")
        holds("it was refused before its time was over", performance.now() - began >= 1_950)
        const gone = await untilGone(trying, 8_000, bench.signal)
        check("its worker is killed", true, gone !== null, new Map(), ["LC-044"])
      }
      holds("the worker in force is gone", processes.every(isAlive))
      check("the versions", [{ version: "v1", active: true }], await versionsOf(server, fn.name))
    }
  )
)

each(
  "first-is-built",
  "While its first deployment tries the code a function is BUILT and cannot be called; fails that, it is REGISTERED",
  ["LC-003", "LC-027", "LC-046"],
  { traits: ["local"] },
  async (bench, runtime) => {
    const { server } = bench
    const upstream = await Upstream.start(bench)
    const name = server.name()
    await server.register({ name, runtime, capabilities: PERMISSIVE, memory_mb: 65 })
    const source = `${gatedSource("v1", upstream, "load")}\nif (count === 0) throw new Error("no")`
    const deploying = tryDeploy(server, name, "v1", source)
    await Promise.race([deploying, upstream.untilWaiting("load")])
    const view = { status: "built", state: "BUILT", active_version: null, workers: { starting: 1 } }
    check("the function meanwhile", view, await server.show(name))
    refused("a call meanwhile", await server.http(`/functions/${name}`), 404, "FN_001")
    upstream.open("load")
    refused("the deployment", await deploying, 422, "FN_005")
    const after = { status: "registered", state: "REGISTERED", active_version: null, memory_mb: 65 }
    check("the function afterwards", after, await server.show(name))
    await server.expectDeployed(name, "v1", OK)
    check("the answer", "ok", (await server.http(`/functions/${name}`)).text())
  }
)

each(
  "acknowledged-serves",
  "Whatever arrives after a deployment was answered runs on its version, also a request that had begun before",
  ["LC-028", "LC-037"],
  { timeoutMs: 60_000 },
  async ({ server }, runtime) => {
    const fn = await gatedFn(server, runtime, null, { max_workers: 2, concurrency: 3 })
    const other = await gatedFn(server, runtime, null)
    const name = { host: server.url.host }
    for (let n = 2; n <= 5; n += 1) {
      const version = `v${n}`
      await say(fn)
      // its body is whole only when the next version is in force
      const slow = await server.tcp()
      const request = { method: "POST", target: fn.target("/"), body: "half and half" }
      const bytes = encodeRequest(request, name.host)
      await slow.send(bytes.subarray(0, -5))
      await server.deploy(fn.name, version, gatedSource(version, null))
      const said = await Promise.all(Array.from({ length: 5 }, () => say(fn)))
      for (const one of said) check("who answers after the deployment", { version }, one)
      await slow.send(bytes.subarray(-5))
      const late = await slow.response()
      check("who answers what became whole after the deployment", { version }, late?.json())
      slow.destroy()
      check("who answers another function's call", { version: "v1" }, await say(other), new Map(), ["LC-037"])
    }
  }
)

add(
  "under-way",
  "What runs and what waits when a version is put in force finishes on the version before it, whose workers then end",
  ["LC-029", "LC-030", "LC-037", "LC-028"],
  { traits: ["own"], timeoutMs: 60_000 },
  onRuntimes({ settings: WITHOUT_SPARE_WORKERS }, async (server, runtime, bench) => {
    const upstream = await Upstream.start(bench)
    const spec = {
      runtime,
      source: gatedSource("v1", upstream),
      capabilities: PERMISSIVE,
      max_workers: 1,
      expose_errors: true
    }
    const { fn, processes } = await functionWithWorker(server, spec)
    const { said: runs } = await held(fn, upstream, "old")
    const waits = [say(fn), say(fn)]
    for (const one of waits) one.catch(() => {})
    await fn.untilShown("two wait", ({ queued }) => queued === 2)
    await server.deploy(fn.name, "v2", gatedSource("v2", upstream))
    check("who answers after the deployment", { version: "v2" }, await say(fn), new Map(), ["LC-028"])
    check("the worker before", true, processes.every(isAlive), new Map(), ["LC-029"])
    holds("what waited was answered by another", upstream.waiting("old") === 1)
    upstream.open("old")
    const old = [await runs, ...(await Promise.all(waits))]
    for (const one of old)
      check("who answers what came before", { version: "v1" }, one, new Map(), ["LC-029"])
    check("their worker", 1, new Set(old.map(({ worker }) => worker)).size, new Map(), ["LC-037"])
    const gone = await untilGone(processes, 10_000, bench.signal)
    check("the worker of the version before ends", true, gone !== null, new Map(), ["LC-030"])
    await fn.untilShown("nothing is on its way out", ({ workers }) => workers.draining === 0)
    check("who answers", { version: "v2" }, await say(fn), new Map(), ["LC-028"])
  })
)

add(
  "idle-ones-end",
  "Workers of a replaced version that have nothing to do end, the ones that are kept warm as well",
  ["LC-030"],
  { traits: ["local"] },
  async (bench) => {
    const { server } = bench
    const fn = await gatedFn(server, server.runtime, null, { warm_workers: 2, max_workers: 4 })
    await fn.untilShown("two are warm", ({ workers }) => workers.warm + workers.idle === 2)
    const marks = new Set((await Promise.all([say(fn), say(fn)])).map(({ worker }) => worker))
    await server.deploy(fn.name, "v2", gatedSource("v2", null))
    await fn.untilShown("two of the new version are all that there is", ({ workers }) => {
      const { busy, draining, idle, starting, warm } = workers
      return busy + draining + starting === 0 && warm + idle === 2
    })
    const { version, worker } = await say(fn)
    check("who answers", "v2", version)
    holds("a worker of the version before answers", !marks.has(worker))
  }
)

each(
  "turns",
  "Deployments of one function that come at once are carried out one after another; the last stored is in force",
  ["LC-031", "LC-015", "LC-016"],
  { traits: ["local", "socket"], timeoutMs: 60_000 },
  async (bench, runtime) => {
    const { server } = bench
    const upstream = await Upstream.start(bench)
    const name = server.name()
    await server.register({ name, runtime, capabilities: PERMISSIVE })
    const labels = ["e", "d", "c", "b", "a"]
    let over = false
    // each bundle waits a little while it is loaded
    const doorman = (async () => {
      while (!over) {
        await new Promise((resolve) => setTimeout(resolve, 30))
        upstream.release("load")
      }
    })()
    const before = performance.now()
    try {
      await Promise.all(
        labels.map(async (version, n) => {
          const bundle = gatedSource(version, upstream, "load")
          if (n % 2 === 0) {
            await server.expectDeployed(name, version, bundle)
            return
          }
          const answer = await server.call("DEPLOY_FUNCTION", { function_id: name, version, bundle })
          check(`the deployment of ${version}`, { status: "deployed", version }, answer.payload)
        })
      )
    } finally {
      over = true
      await doorman
    }
    bench.context.observe(`${labels.length} deployments in ${Math.round(performance.now() - before)} ms`)
    check("bundles that were loaded at the same time", 1, upstream.most)
    const listed = await versionsOf(server, name)
    check("versions", labels.toSorted(), listed.map(({ version }) => version).toSorted())
    const last = listed.at(-1)?.version
    check(
      "the active versions",
      [last],
      listed.filter(({ active }) => active).map(({ version }) => version)
    )
    check("the version in force", last, (await server.show(name)).active_version)
  }
)

add(
  "waiting-deployments",
  "Sixteen deployments of a function may wait for their turn; a further one, and a registration, is refused with FN_007",
  ["LC-032", "LC-031"],
  { traits: ["local"], timeoutMs: 60_000 },
  async (bench) => {
    const { server } = bench
    const { runtime } = server
    const upstream = await Upstream.start(bench)
    const fn = await gatedFn(server, runtime, upstream)
    const first = tryDeploy(server, fn.name, "v2", gatedSource("v2", upstream, "load"))
    await Promise.race([first, upstream.untilWaiting("load")])
    // two that are one too many, whichever of them come last
    const all = Array.from({ length: 18 }, () =>
      tryDeploy(server, fn.name, "v1", gatedSource("v1", upstream))
    )
    const early = await Promise.race(all.map(async (one) => ({ response: await one, all })))
    refused("one too many", early.response, 429, "FN_007")
    const again = tryDeploy(server, fn.name, "v1", gatedSource("v1", upstream))
    refused("another one", await again, 429, "FN_007")
    const registration = await server.api("POST", "/functions", { name: fn.name, runtime })
    refused("a registration of its name", registration, 429, "FN_007")
    const other = await gatedFn(server, runtime, null)
    check("another function", { version: "v1" }, await say(other))
    check("the function itself", { version: "v1" }, await say(fn))
    upstream.open("load")
    check("the first", 200, (await first).status)
    const became = (await Promise.all(all)).map(({ status }) => status)
    check("those that had room", 16, became.filter((status) => status === 200).length)
    check("those that had none", 2, became.filter((status) => status === 429).length)
    check("who answers", { version: "v1" }, await say(fn))
  }
)
