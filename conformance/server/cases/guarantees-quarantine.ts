// quarantine; R-6: fair shares.
import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"
import { call, expectOutcome, later, many, who } from "../guarantees/calls.ts"
import { crashOften, dyingFn, firstServed, quarantined, quarantineOf } from "../guarantees/dying.ts"

const { add, all: quarantineCases } = casesOf("guarantees")
export { quarantineCases }

const REFUSED = { status: 503, code: "FN_008" } as const

add(
  "quarantine",
  "A function that has crashed 20 workers in a row has none started, and its callers are told at once; others are served",
  ["GR-082", "GR-084"],
  { traits: ["bun"], timeoutMs: 40_000 },
  async (bench) => {
    const { fn, starts } = await dyingFn(bench.server, bench.context.folder, { max_workers: 2 })
    const neighbour = await bench.server.fn({})
    await crashOften(fn)
    const before = starts()
    for (const outcome of [await call(fn, "/"), ...(await many(4, () => call(fn, "/")))]) {
      expectOutcome("a call of what is quarantined", outcome, REFUSED, "GR-084")
      check("when to come back", { $pattern: "^[1-9][0-9]*$" }, outcome.retryAfter, new Map(), ["GR-084"])
    }
    check("starts meanwhile", before, starts(), new Map(), ["GR-082"])
    expectOutcome("another function", await call(neighbour), { status: 200 }, "GR-021")
  }
)

add(
  "quarantine-shown",
  "A function shows the quarantine that it is in, and none before and without",
  ["GR-085"],
  { traits: ["bun"], timeoutMs: 40_000 },
  async (bench) => {
    const { fn } = await dyingFn(bench.server, bench.context.folder)
    check("before", { quarantine: null }, await fn.show())
    await crashOften(fn)
    const { quarantine } = await fn.show()
    const shown = {
      cause: "crashes",
      failures: 20,
      since: { $pattern: "^\\d{4}-.*Z$" },
      until: { $pattern: "^\\d{4}-.*Z$" },
      reason: { $pattern: "." }
    }
    check("its quarantine", shown, quarantine)
    check("another function", { quarantine: null }, await (await bench.server.sharedFn({})).show())
  }
)

add(
  "quarantine-reset",
  "A reset ends a quarantine: the next call is served, and what was counted is forgotten",
  ["GR-088"],
  { traits: ["bun", "http"], timeoutMs: 40_000 },
  async (bench) => {
    const { fn } = await dyingFn(bench.server, bench.context.folder)
    await crashOften(fn)
    await bench.server.api("POST", `/functions/${fn.name}/reset`)
    // it is not what an invocation that goes well has ended
    check("right after it", { quarantine: null }, await fn.show())
    expectOutcome("the next call", await call(fn, "/"), { status: 200 })
  }
)

add(
  "quarantine-deployment",
  "A deployment of another version ends a quarantine",
  ["GR-089"],
  { traits: ["bun"], timeoutMs: 40_000 },
  async (bench) => {
    const { fn } = await dyingFn(bench.server, bench.context.folder)
    await crashOften(fn)
    await bench.server.expectDeployed(fn.name, "v2", "export default () => new Response('mended')")
    check("after it", { quarantine: null }, await fn.show())
    expectOutcome("the next call", await call(fn, "/"), { status: 200 })
  }
)

add(
  "quarantine-over",
  "After a quarantine one worker is tried: a crash lengthens it, an invocation that goes well ends it",
  ["GR-082", "GR-086", "GR-087"],
  { traits: ["bun"], timeoutMs: 60_000, waits: true },
  async (bench) => {
    const { context, server } = bench
    const dies = await dyingFn(server, context.folder, { max_workers: 3 })
    const mended = await dyingFn(server, context.folder, { max_workers: 3 })
    const goesOnDying = later(
      quarantined(dies.fn).then(async ({ until }) => {
        const before = dies.starts()
        // all that find no place in the one that is tried are refused when it has crashed
        const outcomes = await firstServed(dies.fn, "/die", until, 3)
        check("calls that a worker had", 1, outcomes.filter(({ code }) => code === "FN_004").length)
        await dies.fn.untilShown(
          "it is quarantined again",
          (view) => (quarantineOf(view)?.until ?? "") > until
        )
        return before
      })
    )
    const { before, until } = await later(
      quarantined(mended.fn).then((shown) => ({ ...shown, before: mended.starts() }))
    )
    const [outcome] = await firstServed(mended.fn, "/", until, 1)
    holds("it was not served", outcome?.status === 200, outcome)
    check("after that", null, (await mended.fn.show())["quarantine"], new Map(), ["GR-087"])
    check("workers that were tried", 1, mended.starts() - before, new Map(), ["GR-086"])
    const startsBefore = await goesOnDying
    check("workers that were tried and crashed", 1, dies.starts() - startsBefore, new Map(), ["GR-086"])
  }
)

add(
  "fair-share",
  "Beside a function that keeps all of max_workers_total at work, another one is served",
  ["GR-090"],
  { traits: ["own"], timeoutMs: 40_000 },
  async (bench) => {
    const door = await bench.special({ max_workers_total: 2, max_workers: 2 })
    const rich = await door.fn({ max_workers: 2 })
    const poor = await door.fn({ timeout_seconds: 15, idle_timeout_seconds: 0.1 })
    // the worker that its deployment has left
    await poor.untilShown("it has no worker", ({ workers }) => Object.values(workers).every((n) => n === 0))
    let isOver = false
    const callers = many(6, async () => {
      while (!isOver) await who(rich, "/do/sleep?ms=40")
    })
    try {
      await rich.untilShown("it has all workers", ({ workers }) => workers.busy === 2)
      for (let n = 0; n < 3; n += 1) {
        expectOutcome("a call of another function", await call(poor), { status: 200 }, "GR-090")
      }
    } finally {
      isOver = true
    }
    await callers
    holds("the first function had no call", (await who(rich)).count > 0)
  }
)
