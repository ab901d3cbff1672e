import { SetUpFailed } from "../../model/Case.ts"
import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"
import {
  expectScripted,
  journalOf,
  journalPath,
  scripted,
  type ScriptedFunction
} from "../scripted/scripted.ts"
import { firstAnswer, isGone, isReplaced, shows } from "./hostSupport.ts"

/** How a host starts its workers, and what it asks of which of them. */
const cases = casesOf("host", ["scripted-worker", "http"])

cases.add(
  "no-protocol",
  "A worker whose ready names no protocol is one of 1.0: one invocation at a time, no cancel, no ping",
  ["WP-048", "WP-051", "WP-122"],
  {},
  async (bench) => {
    const { fn, heard } = await expectScripted(
      bench,
      (worker, args) => {
        worker.journal(args.journal)
        worker.on("invoke", ({ id, payload }) => {
          if (payload["path"] === "/late") return
          setTimeout(() => {
            worker.note(`answers ${id}`)
            worker.respond(id, String(worker.pid))
          }, 60)
        })
        worker.ready({ features: ["load", "concurrency", "cancel", "ping"] })
        return "silent"
      },
      {},
      { concurrency: 5, max_workers: 1, timeout_seconds: 3 }
    )
    const answers = await Promise.all(Array.from({ length: 4 }, () => fn.call("/")))
    for (const { status } of answers) check("an answer", 200, status)
    const answer = await fn.invoke({ path: "/late", deadline_ms: 200 })
    check("the one that is late", { success: false, code: "FN_002" }, answer.payload)
    shows(["WP-048", "WP-051"], "messages cancel", [], heard("cancel"))
    shows(["WP-048", "WP-051"], "messages ping", [], heard("ping"))
    await checkOneAtATime(fn.name, heard, answers.length + 1)
  }
)

const checkOneAtATime = async (
  name: string,
  heard: ScriptedFunction["heard"],
  count: number
): Promise<void> => {
  const times = heard("invoke").map(({ at }) => at)
  check(`invocations of ${name}`, count, times.length)
  // each is answered 60 ms after it came: two that came at once would be less apart
  for (let index = 1; index < times.length; index += 1) {
    holds(
      "an invocation was sent before the one before it was answered",
      (times[index] ?? 0) - (times[index - 1] ?? 0) >= 55,
      times
    )
  }
}

cases.add(
  "no-concurrency",
  "A worker without the feature concurrency has one invocation at a time",
  ["WP-122"],
  {},
  async (bench) => {
    const { fn, heard } = await scripted(
      bench,
      (worker, args) => {
        worker.journal(args.journal)
        worker.on("invoke", ({ id }) => void setTimeout(() => worker.respond(id, "x"), 60))
        worker.ready({ protocol: "1.1", runtime: "quickjs-ng", features: ["load", "ping"] })
        return "silent"
      },
      {},
      { concurrency: 5, max_workers: 1 }
    )
    const answers = await Promise.all(Array.from({ length: 4 }, () => fn.call("/")))
    for (const { status } of answers) check("an answer", 200, status)
    await checkOneAtATime(fn.name, heard, 4)
  }
)

for (const feature of ["cancel", "ping"]) {
  cases.add(
    `no-${feature}`,
    `A worker without the feature ${feature} hears no ${feature} when a deadline is missed`,
    ["WP-051"],
    {},
    async (bench) => {
      const { fn, heard } = await scripted(
        bench,
        (worker, args) => {
          worker.journal(args.journal)
          worker.on("invoke", ({ id, payload }) => {
            if (payload["path"] !== "/late") worker.respond(id, String(worker.pid))
          })
          const features = ["load", "concurrency", "cancel", "ping"].filter((one) => one !== args.feature)
          worker.ready({ protocol: "1.1", runtime: "quickjs-ng", features })
          return "silent"
        },
        { feature },
        { timeout_seconds: 10, max_workers: 1, concurrency: 2 }
      )
      const { text } = await firstAnswer(fn)
      const late = await fn.invoke({ path: "/late", deadline_ms: 300 })
      check("the late one", { success: false, code: "FN_002" }, late.payload)
      // it hears nothing more then
      await fn.door.until("the end of the late worker", () => (isGone(Number(text)) ? true : null))
      check(`messages ${feature}`, [], heard(feature))
    }
  )
}

cases.add(
  "unknown-features",
  "Names of features that nobody knows are ignored",
  ["WP-050"],
  {},
  async (bench) => {
    const { fn } = await expectScripted(
      bench,
      (worker) => {
        worker.ready({
          protocol: "1.1",
          runtime: "quickjs-ng",
          features: ["load", "time-travel", "concurrency", ""]
        })
        return "silent"
      },
      {}
    )
    check("an answer", { status: 200, text: "scripted" }, await fn.call("/"))
  }
)

cases.add("ready-first", "No invocation is sent before ready", ["WP-049"], {}, async (bench) => {
  const { fn, journal } = await scripted(
    bench,
    (worker, args) => {
      worker.journal(args.journal)
      worker.on("invoke", ({ id }) => void setTimeout(() => worker.respond(id, "x"), 100))
      setTimeout(() => {
        worker.note("ready")
        worker.ready()
      }, 150)
      return "silent"
    },
    {},
    { concurrency: 1, max_workers: 3 }
  )
  const answers = await Promise.all(Array.from({ length: 5 }, () => fn.call("/")))
  for (const { status } of answers) check("an answer", 200, status)
  const entries = journal()
  for (const pid of new Set(entries.map((entry) => entry.pid))) {
    const own = entries.filter((entry) => entry.pid === pid)
    const ready = own.findIndex(({ note }) => note === "ready")
    const invoke = own.findIndex(({ message }) => message?.type === "invoke")
    holds("an invoke came before ready", invoke === -1 || (ready !== -1 && ready < invoke), own)
  }
})

cases.add(
  "never-ready",
  "A worker that does not get ready is given up and ended",
  ["WP-052"],
  {},
  async (bench) => {
    const door = await bench.scripted({ startup_timeout_seconds: 1 })
    const silent = expectScripted(
      bench,
      (worker, args) => {
        worker.journal(args.journal)
        worker.note("loaded")
        return "silent"
      },
      {},
      {},
      door
    )
    const began = performance.now()
    const refusal = await silent.then(
      () => null,
      (error: unknown) => {
        // it came to no worker
        if (error instanceof SetUpFailed) throw error
        return error
      }
    )
    holds("a version whose worker never gets ready was deployed", refusal !== null)
    holds("it was given up before its time", performance.now() - began >= 900)
    const pids = [...new Set(journalOf(journalPath(bench)).map(({ pid }) => pid))]
    holds("the worker was started", pids.length > 0)
    await door.until("the end of its process", () => (pids.every(isGone) ? true : null))
  }
)

cases.add("ready-twice", "A worker that says ready again is used no more", ["WP-053"], {}, async (bench) => {
  const made = await scripted(
    bench,
    (worker) => {
      worker.on("invoke", ({ id, payload }) => {
        if (payload["path"] === "/do") worker.ready()
        // a host that passes over a second ready has an answer
        worker.respond(id, String(worker.pid))
      })
    },
    {}
  )
  await isReplaced(made)
})

cases.add(
  "unknown-error",
  "An error with an unknown code is like one of the handler's",
  ["WP-109"],
  {},
  async (bench) => {
    const { fn } = await scripted(
      bench,
      (worker) => {
        worker.on("invoke", ({ id, payload }) => {
          if (payload["path"] === "/do") worker.send(id, "error", { message: "x", code: "BLUE_MOON" })
          else worker.respond(id, String(worker.pid))
        })
      },
      {}
    )
    const { text } = await firstAnswer(fn)
    check("the failure", { status: 500, code: "FN_004" }, await fn.call("/do"))
    check("the worker afterwards", { status: 200, text }, await fn.call("/"))
  }
)

export const hostStartCases = cases.all
