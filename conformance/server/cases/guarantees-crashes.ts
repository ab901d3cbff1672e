// crashes.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"
import type { Door, Fn } from "../Door.ts"
import { call, expectOutcome, many, type Outcome, outcomeOf, who } from "../guarantees/calls.ts"
import { functionWithWorker, WITHOUT_SPARE_WORKERS } from "../guarantees/workers.ts"
import { scriptBundle } from "../scripted/ScriptedWorker.ts"

const { add, all: crashCases, each } = casesOf("guarantees")
export { crashCases }

const CRASH = { status: 502, code: "FN_004", retryable: true } as const

add(
  "crash",
  "All that a worker has in flight when it exits gets FN_004; the next call has another worker",
  ["GR-020", "GR-022"],
  { traits: ["bun"] },
  async (bench) => {
    const fn = await bench.server.fn({ runtime: "bun", concurrency: 5, max_workers: 1 })
    const before = await who(fn)
    const held = many(4, () => call(fn, "/do/never"))
    await untilRunning(fn, 4, before)
    const exited = await call(fn, "/do/exit")
    for (const outcome of [exited, ...(await held)]) {
      expectOutcome("what the worker had when it exited", outcome, CRASH, "GR-020")
    }
    check("the same worker again", false, (await who(fn)).worker === before.worker, new Map(), ["GR-022"])
  }
)

/** Resolves once the worker has so many more: they say so in no other way than by being in its count. */
const untilRunning = (fn: Fn, many: number, { count }: { readonly count: number }): Promise<true> => {
  // the questions count as well
  let asked = 0
  return fn.door.until(`${many} calls run`, async () => {
    asked += 1
    return (await who(fn)).count >= count + asked + many ? true : null
  })
}

each(
  "killed-worker",
  "All that a worker has in flight when it is killed gets FN_004, others go on; the next call has another worker",
  ["GR-020", "GR-021", "GR-022"],
  { traits: ["own"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const server = await bench.own({ settings: WITHOUT_SPARE_WORKERS })
    const other = await server.fn({ runtime })
    const spec = { runtime, concurrency: 4, max_workers: 1 }
    const { fn, processes, said } = await functionWithWorker(server, spec)
    const goesOn = call(other, "/do/sleep?ms=1500")
    const held = many(3, () => call(fn, "/do/never"))
    await untilRunning(fn, 3, said)
    for (const { pid } of processes) process.kill(pid, "SIGKILL")
    for (const outcome of await held) {
      expectOutcome("what the worker had when it was killed", outcome, CRASH, "GR-020")
    }
    const next = await who(fn)
    check("the same worker again", false, next.worker === said.worker, new Map(), ["GR-022"])
    expectOutcome("a call of another function meanwhile", await goesOn, { status: 200 }, "GR-021")
  }
)

add(
  "crash-beside-another-worker",
  "When one of a function's workers exits, its other worker's invocation goes on",
  ["GR-021"],
  { traits: ["bun"] },
  async (bench) => {
    const fn = await bench.server.fn({ runtime: "bun", max_workers: 2 })
    const goesOn = call(fn, "/do/sleep?ms=1000")
    await fn.untilShown("the first call runs", ({ workers }) => workers.busy === 1)
    expectOutcome("the call whose worker exits", await call(fn, "/do/exit"), CRASH)
    expectOutcome("the call in the other worker", await goesOn, { status: 200 }, "GR-021")
  }
)

/** What a worker does on a call of its function that breaks the protocol; another call is in flight meanwhile. */
const BREACHES: ReadonlyArray<readonly [name: string, lines: ReadonlyArray<string>]> = [
  ["malformed-message", ['{"id":"ID","type":"response"}\n']],
  ["response-without-status", ['{"id":"ID","type":"response","payload":{"headers":{},"body":""}}\n']],
  ["status-out-of-range", ['{"id":"ID","type":"response","payload":{"status":99,"headers":{},"body":""}}\n']],
  [
    "answer-nobody-asked-for",
    ['{"id":"nobody","type":"response","payload":{"status":200,"headers":{},"body":""}}\n']
  ],
  ["oversize-line", ["x".repeat(1024 * 1024)]],
  [
    "second-ready",
    ['{"id":"","type":"ready","payload":{"protocol":"1.1","runtime":"quickjs-ng","features":["load"]}}\n']
  ]
]

for (const [name, lines] of BREACHES) {
  add(
    `breach-${name}`,
    `A worker that breaks the protocol (${name}) fails what it has with FN_004, and is not used again`,
    ["GR-023", "GR-062", "GR-074"],
    { traits: ["scripted-worker"] },
    async (bench) => {
      const door = await bench.scripted()
      const other = await door.fn({
        source: scriptBundle(
          (worker) => void worker.on("invoke", ({ id }) => worker.respond(id, "fine")),
          null
        )
      })
      await breach(door, lines)
      expectOutcome("a call of another function", await call(other), { status: 200 }, "GR-062")
    }
  )
}

/** Has a worker break the protocol with two invocations in flight. */
const breach = async (door: Door, lines: ReadonlyArray<string>): Promise<void> => {
  const source = scriptBundle((worker, breaking: ReadonlyArray<string>) => {
    worker.on("invoke", ({ id, payload }) => {
      const url = String(payload["url"])
      if (url.includes("never")) return
      if (!url.includes("break"))
        return worker.respond(id, JSON.stringify({ worker: String(worker.pid), count: 0, pid: null }))
      // a mebibyte stands for a line that is longer than any may be
      for (const line of breaking) {
        for (let n = 0; n < (line.length > 1000 ? 66 : 1); n += 1) worker.raw(line.replaceAll("ID", id))
      }
    })
  }, lines)
  const fn = await door.fn({ source, concurrency: 4, max_workers: 1, timeout_seconds: 10 })
  const before = await who(fn)
  const held = call(fn, "/never")
  await fn.untilShown("the first call runs", ({ workers }) => workers.busy === 1)
  const broken = await call(fn, "/break")
  expectOutcome("the call on which the worker broke the protocol", broken, { code: "FN_004" }, "GR-074")
  expectOutcome("the other that it had", await held, { code: "FN_004" }, "GR-074")
  const next = await who(fn)
  check("the same worker again", false, next.worker === before.worker, new Map(), ["GR-023"])
}

add(
  "breach-second-answer",
  "A worker that answers twice fails what else it has with FN_004, and is not used again",
  ["GR-001", "GR-023", "GR-074"],
  { traits: ["scripted-worker"] },
  async (bench) => {
    const door = await bench.scripted()
    const source = scriptBundle((worker) => {
      worker.on("invoke", ({ id, payload }) => {
        const url = String(payload["url"])
        if (url.includes("never")) return
        worker.respond(id, JSON.stringify({ worker: String(worker.pid), count: 0, pid: null }))
        if (url.includes("twice")) worker.respond(id, "the second")
      })
    }, null)
    const fn = await door.fn({ source, concurrency: 4, max_workers: 1, timeout_seconds: 10 })
    const before = await who(fn)
    const held = call(fn, "/never")
    await fn.untilShown("the first call runs", ({ workers }) => workers.busy === 1)
    check("the worker whose first answer counts", before, await who(fn, "/twice"), new Map(), ["GR-001"])
    expectOutcome("the other that it had", await held, { code: "FN_004" }, "GR-074")
    check("the same worker again", false, (await who(fn)).worker === before.worker, new Map(), ["GR-023"])
  }
)

add(
  "exit-in-an-answer",
  "A worker that exits in the middle of its answer's line has crashed",
  ["GR-020", "GR-022"],
  { traits: ["scripted-worker"] },
  async (bench) => {
    const door = await bench.scripted()
    const source = scriptBundle((worker) => {
      worker.on("invoke", ({ id, payload }) => {
        if (!String(payload["url"]).includes("half")) return worker.respond(id, "whole")
        worker.raw(`{"id":"${id}","type":"response","payload":{"status":200,"hea`)
        worker.exit(0)
      })
    }, null)
    const fn = await door.fn({ source, max_workers: 1 })
    expectOutcome("the call of which half an answer came", await call(fn, "/half"), CRASH, "GR-020")
    expectOutcome("the next call", await call(fn), { status: 200 }, "GR-022")
  }
)

add(
  "closed-wire",
  "A worker that closes its wire has crashed, and is replaced",
  ["GR-020", "GR-022"],
  { traits: ["bun"] },
  async (bench) => {
    const source = `import { closeSync } from "node:fs"
      const worker = crypto.randomUUID()
      export default (request) => {
        if (request.url.endsWith("/close")) for (let fd = 0; fd < 64; fd++) { try { closeSync(fd) } catch {} }
        return Response.json({ worker, count: 0, pid: process.pid })
      }`
    const fn = await bench.server.fn({ runtime: "bun", source, max_workers: 1 })
    const before = await who(fn, "/")
    expectOutcome(
      "the call that closes the wire",
      await call(fn, "/close"),
      { status: 502, code: "FN_004" },
      "GR-020"
    )
    check("the same worker again", false, (await who(fn, "/")).worker === before.worker, new Map(), [
      "GR-022"
    ])
  }
)

each(
  "memory",
  "A handler beyond memory_mb is FN_003, for all that its worker had; the next call has another worker",
  ["GR-022", "GR-024", "GR-025", "GR-091", "GR-092"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const [answered, replaced] = runtime === "bun" ? ["GR-091", "GR-092"] : ["GR-024", "GR-025"]
    const fn = await bench.server.fn({
      runtime,
      memory_mb: 48,
      concurrency: 3,
      max_workers: 1,
      timeout_seconds: 20
    })
    const before = await who(fn)
    const held = call(fn, "/do/never")
    await untilRunning(fn, 1, before)
    const outcomes: ReadonlyArray<Outcome> = [await call(fn, "/do/memory"), await held]
    for (const outcome of outcomes) {
      expectOutcome(
        "what a worker had whose memory was over",
        outcome,
        { status: 500, code: "FN_003" },
        answered
      )
    }
    check("the same worker again", false, (await who(fn)).worker === before.worker, new Map(), [
      replaced,
      "GR-022"
    ])
  }
)

/**
 * A function on bun whose worker's start does what a file says: nothing where there is none, `throw`, `exit` or `hang`. Each
 * start leaves a byte.
 */
const moody = async (door: Door, folder: string, settings: object) => {
  const mood = join(folder, "mood")
  const starts = join(folder, "starts")
  const source = `import { appendFileSync, readFileSync } from "node:fs"
    appendFileSync(${JSON.stringify(starts)}, "x")
    let mood = ""
    try { mood = readFileSync(${JSON.stringify(mood)}, "utf8") } catch {}
    if (mood === "throw") throw new Error("a start that throws")
    if (mood === "exit") process.exit(7)
    if (mood === "hang") await new Promise((resolve) => setTimeout(resolve, 1e6))
    export default () => Response.json({ worker: String(process.pid), count: 0, pid: process.pid })`
  const fn = await door.fn({ runtime: "bun", source, idle_timeout_seconds: 1, ...settings })
  return {
    fn,
    set: (value: string) => (value === "" ? rmSync(mood, { force: true }) : writeFileSync(mood, value)),
    /** Starts so far. */
    starts: () => (existsSync(starts) ? readFileSync(starts).length : 0),
    /** Resolves when no worker is left. */
    empty: () =>
      fn.untilShown(
        "no worker is left",
        ({ workers }) => Object.values(workers).every((n) => n === 0),
        15_000
      )
  }
}

for (const [mood, code, status, maxWorkers] of [
  ["throw", "FN_005", 422, 3],
  ["exit", "FN_008", 503, 1]
] as const) {
  add(
    `no-storm-${mood}`,
    `Of a version whose workers ${mood} at their start, at most ${10 * maxWorkers} are started in 10 s, then none; callers are told`,
    ["GR-026", "GR-027", "GR-083", "GR-084", "GR-085"],
    { traits: ["bun"], timeoutMs: 60_000 },
    async (bench) => {
      const { empty, fn, set, starts } = await moody(bench.server, bench.context.folder, {
        max_workers: maxWorkers
      })
      await who(fn, "/")
      set(mood)
      await empty()
      const before = starts()
      const began = performance.now()
      let calls = 0
      // from the first start that fails
      const callers = many(2 * maxWorkers, async () => {
        while (performance.now() - began < 10_000) {
          const outcome = await call(fn)
          calls += 1
          expectOutcome("a call of a version that cannot start", outcome, { status, code }, "GR-027")
          if (code === "FN_008") holds("FN_008 has no Retry-After", outcome.retryAfter !== null)
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
      })
      await callers
      const made = starts() - before
      bench.context.observe(
        `${made} starts in ${((performance.now() - began) / 1000).toFixed(1)} s for ${calls} calls`
      )
      check("starts within 10 s", { $gte: 1, $lte: 10 * maxWorkers }, made, new Map(), ["GR-026"])
      const view = await bench.server.until(
        "it is quarantined",
        async () => {
          // the next start waits for somebody who wants it
          await call(fn)
          const shown = await fn.show()
          return shown["quarantine"] == null ? null : shown
        },
        15_000
      )
      check("its quarantine", { cause: "starts_fail", failures: 8 }, view["quarantine"], new Map(), [
        "GR-085"
      ])
      const quiet = starts()
      for (const outcome of await many(4, () => call(fn))) {
        expectOutcome("a call of what is quarantined", outcome, { status, code }, "GR-084")
      }
      check("starts in quarantine", quiet, starts(), new Map(), ["GR-083"])
    }
  )
}

add(
  "start-that-hangs",
  "Invocations that wait for a worker that never gets ready are told FN_008 with Retry-After",
  ["GR-027"],
  { traits: ["own", "bun"], timeoutMs: 40_000 },
  async (bench) => {
    const door = await bench.special({ startup_timeout_seconds: 1 })
    const { empty, fn, set } = await moody(door, bench.context.folder, { max_workers: 1 })
    await who(fn, "/")
    set("hang")
    await empty()
    const outcomes = await many(3, () => call(fn))
    for (const outcome of outcomes) {
      expectOutcome("a call that waited for the start", outcome, { status: 503, code: "FN_008" }, "GR-027")
      check("Retry-After", { $pattern: "^[1-9][0-9]*$" }, outcome.retryAfter, new Map(), ["GR-027"])
    }
  }
)

add(
  "worker-says-anything",
  "Whatever bytes a function on bun writes beside the protocol, other functions are served",
  ["GR-062"],
  { traits: ["bun", "socket"] },
  async (bench) => {
    const source = `import { writeSync } from "node:fs"
      export default () => {
        for (const text of ["no newline", "\\0\\xff\\n", '{"id":"x","type":"response","payload":{}}\\n', "{\\n", "\\n\\n"]) {
          for (const fd of [1, 2]) writeSync(fd, text)
        }
        writeSync(1, new Uint8Array(100000).fill(255))
        return new Response("said")
      }`
    const fn = await bench.server.fn({ runtime: "bun", source })
    const other = await bench.server.fn({})
    const client = bench.keep(await bench.server.connect())
    for (let n = 0; n < 5; n += 1) {
      const { payload, problem } = await client.call("INVOKE", { function_id: fn.name })
      expectOutcome("the function that writes", outcomeOf(payload, problem), { status: 200 })
      expectOutcome("another function", await call(other), { status: 200 }, "GR-062")
    }
  }
)
