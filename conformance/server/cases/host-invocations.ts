import { check } from "../check.ts"
import { casesOf } from "../define.ts"
import { scripted, type ScriptedFunction } from "../scripted/scripted.ts"
import { firstAnswer, isGone, shows } from "./hostSupport.ts"

/** What a host sends with invocations, and what becomes of them. */
const cases = casesOf("host", ["scripted-worker", "http"])

cases.add(
  "cancel-gone",
  "A worker is told that nobody waits any more",
  ["WP-130"],
  { traits: ["socket"] },
  async (bench) => {
    const { fn, heard } = await scripted(
      bench,
      (worker, args) => {
        worker.journal(args.journal)
        worker.on("invoke", () => {})
        worker.on("cancel", ({ id }) => worker.send(id, "error", { message: "gone", code: "CANCELLED" }))
      },
      {}
    )
    const invocation = async (count: number): Promise<void> => {
      await fn.door.until(`invocation ${count}`, () => (heard("invoke").length >= count ? true : null))
    }
    // a host that says nothing may end the worker
    const cancel = async (count: number): Promise<void> => {
      const pid = heard("invoke")[count - 1]?.pid ?? 0
      await fn.door.until(`cancel ${count}`, () =>
        heard("cancel").length >= count || isGone(pid) ? true : null
      )
      check("messages cancel", count, heard("cancel").length)
    }
    const client = bench.keep(await fn.door.connect())
    client.post("INVOKE", { function_id: fn.name, headers: { "x-invocation-id": "gone-1" } })
    await invocation(1)
    client.destroy()
    await cancel(1)
    const connection = await fn.door.tcp()
    void connection.send(`GET ${fn.target("/two")} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await invocation(2)
    connection.destroy()
    await cancel(2)
    const invoked = heard("invoke").map(({ id }) => id)
    check(
      "what was cancelled",
      invoked,
      heard("cancel").map(({ id }) => id)
    )
    check(
      "the reasons",
      { $every: { reason: "client_gone" } },
      heard("cancel").map(({ payload }) => payload)
    )
  }
)

cases.add(
  "cancel-deadline",
  "A worker is told that the time is over, and gets nothing more",
  ["WP-131", "WP-172", "WP-171"],
  {},
  async (bench) => {
    const { fn, heard } = await scripted(
      bench,
      (worker, args) => {
        worker.journal(args.journal)
        worker.on("invoke", ({ id, payload }) => {
          if (payload["path"] !== "/late") worker.respond(id, String(worker.pid))
        })
        worker.on("cancel", ({ id }) => worker.respond(id, "too late"))
      },
      {},
      { timeout_seconds: 10, max_workers: 1 }
    )
    const { text } = await firstAnswer(fn)
    const late = await fn.invoke({ path: "/late", deadline_ms: 300 })
    check("the late one", { success: false, code: "FN_002" }, late.payload)
    const next = await fn.call("/")
    shows(["WP-171"], "the next one", { status: 200, text: { $not: "too late" } }, next)
    shows(["WP-172"], "the next one's worker", { text: { $not: text } }, next)
    shows(["WP-131"], "the cancel", [{ payload: { reason: "deadline" }, pid: Number(text) }], heard("cancel"))
  }
)

cases.add(
  "ghost-answers",
  "Answers that nobody asked for reach nobody, and end a worker's use",
  ["WP-170", "WP-171"],
  {},
  async (bench) => {
    const made = await scripted(
      bench,
      (worker) => {
        worker.on("invoke", ({ id, payload }) => {
          if (payload["path"] === "/do") worker.respond("ghost", "boo")
          // a host that passes over a ghost has an answer
          worker.respond(id, String(worker.pid))
        })
      },
      {}
    )
    await noGhost(made)
  }
)

cases.add(
  "ghost-errors",
  "Errors that nobody asked for reach nobody, and end a worker's use",
  ["WP-170", "WP-171"],
  {},
  async (bench) => {
    const made = await scripted(
      bench,
      (worker) => {
        worker.on("invoke", ({ id, payload }) => {
          if (payload["path"] === "/do")
            worker.send("ghost", "error", { message: "x", code: "HANDLER_ERROR" })
          worker.respond(id, String(worker.pid))
        })
      },
      {}
    )
    await noGhost(made)
  }
)

/** The call makes the worker answer an id that is not in flight, and then the call's own. */
const noGhost = async ({ fn }: ScriptedFunction): Promise<void> => {
  const before = await firstAnswer(fn)
  const misled = await fn.call("/do")
  shows(["WP-171"], "what its caller gets", { status: { $not: 500 }, text: { $not: "boo" } }, misled)
  shows(["WP-170"], "the invocation's failure", { status: 502, code: "FN_004" }, misled)
  shows(["WP-170"], "the next invocation", { status: 200, text: { $not: before.text } }, await fn.call("/"))
}

cases.add(
  "answers-twice",
  "A second answer reaches nobody, and ends a worker's use",
  ["WP-170", "WP-171"],
  {},
  async (bench) => {
    const { fn } = await scripted(
      bench,
      (worker) => {
        worker.on("invoke", ({ id, payload }) => {
          worker.respond(id, `first ${worker.pid}`)
          if (payload["path"] === "/do") worker.respond(id, "second")
        })
      },
      {}
    )
    const twice = await fn.call("/do")
    check("the first answer", { status: 200, text: { $pattern: "^first" } }, twice)
    // the second answer may find the next invocation on that worker already: it fails with it then, and hears nothing of it
    const lost = { status: 502, code: "FN_004" }
    const other = { status: 200, text: { $all: [{ $pattern: "^first" }, { $not: twice.text }] } }
    for (let call = 0; call < 3; call += 1) {
      check("the next answers", call === 0 ? { $oneOf: [other, lost] } : other, await fn.call("/"))
    }
  }
)

cases.add(
  "lost-together",
  "All that a worker has fails with it, and nothing else",
  ["WP-173", "WP-174"],
  {},
  async (bench) => {
    const { fn } = await scripted(
      bench,
      (worker) => {
        let waiting = 0
        worker.on("invoke", () => {
          waiting += 1
          if (waiting === 3) worker.exit(9)
        })
      },
      {},
      { concurrency: 3, max_workers: 1 }
    )
    const other = await scripted(
      bench,
      (worker) => {
        worker.on("invoke", ({ id }) => void setTimeout(() => worker.respond(id, "fine"), 400))
      },
      {}
    )
    const spared = other.fn.call("/")
    const lost = await Promise.all(Array.from({ length: 3 }, () => fn.call("/")))
    shows(["WP-173"], "those of the worker that ended", { $every: { status: 502, code: "FN_004" } }, lost)
    shows(["WP-174"], "one of another worker", { status: 200, text: "fine" }, await spared)
  }
)

cases.add(
  "lost-by-breach",
  "All that a worker has fails where it is used no more, whichever it broke the protocol for",
  ["WP-173"],
  {},
  async (bench) => {
    const { fn } = await scripted(
      bench,
      (worker) => {
        let waiting = 0
        worker.on("invoke", () => {
          waiting += 1
          if (waiting === 3) worker.respond("ghost", "boo")
        })
      },
      {},
      { concurrency: 3, max_workers: 1, timeout_seconds: 5 }
    )
    const lost = await Promise.all(Array.from({ length: 3 }, () => fn.call("/")))
    check("those of the worker", { $every: { status: 502, code: "FN_004" } }, lost)
  }
)

cases.add(
  "invoke-payload",
  "An invoke tells all of the request",
  ["WP-175", "WP-177", "WP-178", "WP-179", "WP-180"],
  {},
  async (bench) => {
    const { fn, heard } = await scripted(
      bench,
      (worker, args) => {
        worker.journal(args.journal)
        worker.on("invoke", ({ id, payload }) => {
          setTimeout(() => worker.respond(id, "ok"), payload["path"] === "/slow" ? 300 : 0)
        })
      },
      {},
      { timeout_seconds: 5, max_workers: 1, concurrency: 1 }
    )
    await fn.http("/a%2Fb?x=1&y=2&x=%20z&y=", {
      method: "POST",
      headers: { "X-Upper": "Value", "X-Many": "a" },
      body: "abc"
    })
    const first = heard("invoke")[0]?.payload ?? {}
    shows(["WP-175"], "the invoke", { method: "POST", path: "/a%2Fb", body: { $text: "abc" } }, first)
    shows(["WP-177"], "the invoke's url", "/a%2Fb?x=1&y=2&x=%20z&y=", first["url"])
    shows(["WP-178"], "the invoke's query", { $exactly: { x: " z", y: "" } }, first["query"])
    shows(["WP-180"], "the invoke's deadline", { $gte: 3000, $lte: 5000 }, first["deadline_ms"])
    const headers = (first["headers"] ?? {}) as object
    const names = Object.keys(headers)
    const inLowerCase = names.map((name) => name.toLowerCase())
    shows(["WP-179"], "the names of its headers", inLowerCase, names)
    shows(["WP-175"], "the invoke's headers", { "x-upper": "Value", "x-many": "a" }, headers)
    await fn.http("/bare")
    const bare = heard("invoke")[1]?.payload ?? {}
    const fields = { headers: {}, query: { $any: "object" }, body: "", deadline_ms: { $any: "number" } }
    shows(["WP-175"], "a bare invoke", { method: "GET", path: "/bare", ...fields }, bare)
    shows(["WP-177"], "a bare invoke's url", "/bare", bare["url"])
    shows(["WP-178"], "a bare invoke's query", { $exactly: {} }, bare["query"])
    const slow = fn.call("/slow")
    await fn.door.until("the slow one", () => (heard("invoke").length > 2 ? true : null))
    await fn.invoke({ path: "/waited", deadline_ms: 4000 })
    await slow
    const left = heard("invoke")[3]?.payload["deadline_ms"]
    shows(["WP-180"], "what is left of its time", { $gte: 1, $lte: 3999 }, left)
  }
)

cases.add(
  "spent-time",
  "An invoke that is sent when its time is over has 0 as what is left of it, and never less",
  ["WP-180"],
  {},
  async (bench) => {
    const { fn, heard } = await scripted(
      bench,
      (worker, args) => {
        worker.journal(args.journal)
      },
      {},
      { timeout_seconds: 5, max_workers: 1 }
    )
    for (let round = 0; round < 4; round += 1) {
      // a worker is there
      await firstAnswer(fn)
      await fn.invoke({ path: "/spent", deadline_ms: 0.001 })
    }
    await firstAnswer(fn)
    const sent = heard("invoke").filter(({ payload }) => payload["path"] === "/spent")
    // a host may see by itself that it comes too late
    bench.context.observe(`${sent.length} of 4 invocations without time were sent to a worker`)
    const left = sent.map(({ payload }) => payload["deadline_ms"])
    // whole milliseconds may be rounded up
    check("what is left of their time", { $every: { $gte: 0, $lte: 1 } }, left)
  }
)

cases.add(
  "equal-ids",
  "Invocations with one id have different ids on a worker's wire",
  ["WP-176"],
  {},
  async (bench) => {
    const { fn, heard } = await scripted(
      bench,
      (worker, args) => {
        worker.journal(args.journal)
        const waiting: Array<string> = []
        worker.on("invoke", ({ id }) => {
          waiting.push(id)
          if (waiting.length === 3) for (const one of waiting) worker.respond(one, one)
        })
      },
      {},
      { concurrency: 3, max_workers: 1 }
    )
    const headers = { "X-Invocation-Id": "twin" }
    const answers = await Promise.all([1, 2, 3].map(() => fn.http("/", { headers })))
    check(
      "the ids that callers see",
      ["twin", "twin", "twin"],
      answers.map((answer) => answer.header("x-invocation-id"))
    )
    const ids = heard("invoke").map(({ id }) => id)
    check("different ids on the wire", 3, new Set(ids).size)
    check(
      "each answer has gone where it belongs",
      ids.toSorted(),
      answers.map((answer) => answer.text()).toSorted()
    )
  }
)

cases.add("memory-exit", "An end by exit code 12 is told from a crash", ["WP-181"], {}, async (bench) => {
  const { fn } = await scripted(
    bench,
    (worker) => {
      worker.on("invoke", ({ payload }) => worker.exit(Number(String(payload["path"]).slice(1))))
    },
    {}
  )
  check("exit code 12", { status: 500, code: "FN_003" }, await fn.call("/12"))
  check("exit code 1", { status: 502, code: "FN_004" }, await fn.call("/1"))
  check("exit code 0", { status: 502, code: "FN_004" }, await fn.call("/0"))
})

export const hostInvocationCases = cases.all
