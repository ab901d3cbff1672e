// deployments under load, durability.
import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"
import { type Door, type Fn, until } from "../Door.ts"
import { call, expectOutcome, many } from "../guarantees/calls.ts"
import { fillDisk, smallDisk } from "../guarantees/Disk.ts"
import { pause } from "../guarantees/timing.ts"

const { add, all: storedCases, each } = casesOf("guarantees")
export { storedCases }

const versionSource = (version: string): string =>
  `export default () => new Response(${JSON.stringify(version)})`

each(
  "deployments-under-load",
  "No request is refused or lost while versions are put in force one after another, and again",
  ["GR-041"],
  { timeoutMs: 60_000 },
  async (bench, runtime) => {
    const versions = ["a1", "a2", "a3", "a4", "a5", "a6"]
    const fn = await bench.server.fn({ runtime, source: versionSource("a0"), max_workers: 2, concurrency: 4 })
    let over = false
    const told = new Map<string, number>()
    const callers = many(6, async () => {
      while (!over) {
        const outcome = await call(fn)
        expectOutcome("a call while a version is put in force", outcome, { status: 200 }, "GR-041")
        told.set(outcome.text, (told.get(outcome.text) ?? 0) + 1)
      }
    })
    callers.catch(() => {})
    const answeredBy = (version: string) =>
      Promise.race([
        callers,
        fn.door.until(
          `version ${version} answers`,
          () => ((told.get(version) ?? 0) >= 20 ? true : null),
          15_000
        )
      ])
    try {
      await answeredBy("a0")
      for (const version of versions) {
        await fn.door.deploy(fn.name, version, versionSource(version))
        const next = await call(fn)
        check("who answers after the deployment", version, next.text)
        await answeredBy(version)
      }
      // to the first, and to and fro between the two that were in force last
      for (const [named, version] of [
        ["v1", "a0"],
        [undefined, "a6"],
        [undefined, "a0"]
      ] as const) {
        told.delete(version)
        await fn.door.expectRolledBack(fn.name, named)
        const next = await call(fn)
        check("who answers after the rollback", version, next.text)
        await answeredBy(version)
      }
    } finally {
      over = true
    }
    await callers
    const all = ["a0", ...versions]
    const strange = [...told.keys()].filter((text) => !all.includes(text))
    check("answers that no version gives", [], strange, new Map(), ["GR-041"])
    const count = [...told.values()].reduce((sum, one) => sum + one, 0)
    bench.context.observe(
      `${count} requests and more, ${versions.length} deployments, 3 rollbacks, no error; 10,000 are the measure of long runs`
    )
  }
)

add(
  "acknowledged",
  "What was acknowledged is there after SIGKILL and a restart: registrations, and the last deployment of each",
  ["GR-049", "GR-050"],
  { traits: ["own"], timeoutMs: 60_000 },
  async (bench) => {
    let server = await bench.own()
    const registered: Array<string> = []
    const deployed = new Map<string, string>()
    for (let round = 1; round <= 2; round += 1) {
      for (const runtime of bench.target.runtimes) {
        const name = `kept-${runtime}`
        await server.register({ name: `${name}-${round}`, runtime })
        if (round === 1) await server.register({ name, runtime })
        registered.push(`${name}-${round}`, name)
        await server.deploy(name, `r${round}-first`, versionSource("not the last"))
        await server.deploy(name, `r${round}`, versionSource(`${runtime}, round ${round}`))
        deployed.set(name, `${runtime}, round ${round}`)
      }
      await server.kill()
      server = await bench.again(server)
      for (const known of registered) {
        check(`the function ${known}`, { name: known }, await server.show(known), new Map(), ["GR-049"])
      }
      for (const [known, text] of deployed) {
        const answer = await answerOf(server, known)
        check(`what ${known} answers`, { status: 200, text }, answer, new Map(), ["GR-050"])
      }
    }
  }
)

const answerOf = async (door: Door, name: string) => {
  const { Fn: Deployed } = await import("../Door.ts")
  const fn: Fn = new Deployed(door, { name, id: "" })
  const { status, text } = await call(fn)
  return { status, text }
}

add(
  "killed-in-a-deployment",
  "After SIGKILL at any moment of a deployment one version is in force, whole, and what was not leaves its label free",
  ["GR-051", "GR-052"],
  { traits: ["own"], timeoutMs: 90_000 },
  async (bench) => {
    let server = await bench.own()
    // a bundle that takes a while to be stored and tried
    const large = (version: string) => `${versionSource(version)}\n//${"x".repeat(600_000)}`
    const ends: Array<string> = []
    const inForce = new Map<string, { readonly version: string; readonly text: string }>()
    const { runtimes } = bench.target
    for (const runtime of runtimes) {
      await server.register({ name: `cut-${runtime}`, runtime })
      await server.deploy(`cut-${runtime}`, "v0", large("v0"))
      inForce.set(runtime, { version: "v0", text: "v0" })
    }
    // each moment on another runtime
    for (const [n, afterMs] of [3, 25, 90, 250].entries()) {
      const runtime = runtimes[n % runtimes.length] ?? "bun"
      const name = `cut-${runtime}`
      const version = `v${n + 1}`
      const deploying = server.deploy(name, version, large(version)).then(
        () => "acknowledged",
        () => "cut short"
      )
      await pause(afterMs)
      server.process.signal("SIGKILL")
      const became = await deploying
      await server.process.exited
      server = await bench.again(server)
      const { active_version: active } = await server.show(name)
      const { status, text } = await answerOf(server, name)
      ends.push(`${afterMs} ms: ${became}, ${active} in force`)
      check("the answer after the restart", 200, status, new Map(), ["GR-051"])
      const attempted = { version, text: version }
      const allowed = became === "acknowledged" ? [attempted] : [inForce.get(runtime), attempted]
      const now = { version: active, text }
      check("the version in force, and what it answers", { $oneOf: allowed }, now, new Map(), ["GR-051"])
      inForce.set(runtime, attempted)
      if (text === version) continue
      // its label is free: other code can have it
      const other = `${version} again`
      inForce.set(runtime, { version, text: other })
      const retried = await server.expectDeployed(name, version, large(other))
      check("the same label with other code", { version }, retried, new Map(), ["GR-052"])
      check("what answers then", other, (await answerOf(server, name)).text, new Map(), ["GR-052"])
    }
    bench.context.observe(`SIGKILL after ${ends.join("; ")}`)
  }
)

add(
  "full-disk",
  "On a full disk registrations and deployments are refused with FN_004, calls are served; with room they go through",
  ["GR-053"],
  { traits: ["own", "http"], timeoutMs: 60_000 },
  async (bench) => {
    const disk = await smallDisk(bench, 6_000)
    const server = await bench.own({ place: { data: `${disk.path}/data` } })
    const fn = await server.fn({ source: versionSource("before") })
    const empty = fillDisk(disk)
    const bundle = `${versionSource("after")}\n//${"x".repeat(300_000)}`
    const refusal = await server.api("POST", `/functions/${fn.name}/deploy`, { version: "v2", bundle })
    check(
      "the deployment on a full disk",
      { status: 500, code: "FN_004" },
      { status: refusal.status, code: refusal.header("x-function-error") }
    )
    // the database's log may have room for some rows yet
    const registration = await until(
      "a registration is refused",
      async () => {
        const response = await server.api("POST", "/functions", {
          name: `full-${Math.random()}`.replace(".", "-"),
          runtime: server.runtime
        })
        return response.status < 300 ? null : response
      },
      bench.signal,
      20_000
    )
    check(
      "a registration on a full disk",
      { status: 500, code: "FN_004" },
      { status: registration.status, code: registration.header("x-function-error") }
    )
    bench.context.observe(`refused with: ${String((refusal.json() as Record<string, unknown>)["detail"])}`)
    expectOutcome("a call meanwhile", await call(fn), { status: 200 }, "GR-053")
    const shown = await fn.show()
    check("the version in force", "v1", shown.active_version)
    empty()
    await server.expectDeployed(fn.name, "v2", bundle)
    const later = await call(fn)
    holds("the same deployment later is not in force", later.text === "after", later.text)
    await server.expectRegistered({ name: "with-room", runtime: server.runtime })
  }
)
