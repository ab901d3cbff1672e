import { createServer, type Server } from "node:http"
import type { Bench } from "../Bench.ts"
import { check } from "../check.ts"
import { casesOf } from "../define.ts"
import { scripted } from "../scripted/scripted.ts"
import { isGone, shows } from "./hostSupport.ts"

/** What a host makes of the calls of its workers. */
const cases = casesOf("host", ["scripted-worker", "http"])

const PERMISSIVE = {
  capabilities: {
    profile: "permissive",
    read_paths: [],
    write_paths: [],
    domains: [],
    child_processes: false,
    eval: false
  }
}

/** A server that answers `/now` at once and everything else never. */
const upstream = async (bench: Bench): Promise<string> => {
  const server: Server = createServer((request, response) => {
    if (request.url?.startsWith("/now") === true) response.end(`said ${request.url}`)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  bench.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
}

cases.add(
  "call-results",
  "Each fetch has exactly one result, and an unknown call a refusal",
  ["WP-157", "WP-158"],
  {},
  async (bench) => {
    const url = await upstream(bench)
    const { fn, heard } = await scripted(
      bench,
      (worker, args) => {
        worker.journal(args.journal)
        const request = { url: "", method: "GET", headers: {}, body: "", redirect: "follow" }
        let invocation = ""
        let results = 0
        worker.ready({
          protocol: "1.1",
          runtime: "quickjs-ng",
          features: ["load", "call", "concurrency", "cancel"]
        })
        worker.on("invoke", ({ id }) => {
          invocation = id
          for (const n of [1, 2, 3]) {
            worker.send(id, "call", {
              call_id: `c${n}`,
              name: "fetch",
              request: { ...request, url: `${args.url}/now/${n}` }
            })
          }
          worker.send(id, "call", {
            call_id: "refused",
            name: "fetch",
            request: { ...request, url: "http://127.0.0.1:1/" }
          })
          worker.send(id, "call", { call_id: "odd", name: "teleport" })
        })
        worker.on("result", () => {
          results += 1
          // the sixth would be one too many, and has some time to come
          if (results === 5) setTimeout(() => worker.respond(invocation, "done"), 100)
        })
        return "silent"
      },
      { url },
      { ...PERMISSIVE, timeout_seconds: 4 }
    )
    const answer = await fn.call("/")
    const results = heard("result").map(({ payload }) => payload)
    const ids = results.map((one) => String(one["call_id"])).toSorted()
    const fetched = ids.filter((id) => id !== "odd")
    shows(["WP-157"], "results of fetches", ["c1", "c2", "c3", "refused"], fetched)
    const odd = ids.filter((id) => id === "odd")
    shows(["WP-158"], "results of the unknown call", ["odd"], odd)
    check("the answer", { status: 200, text: "done" }, answer)
    const resultOf = (id: string) => results.find((one) => one["call_id"] === id)
    for (const n of [1, 2, 3]) {
      shows(
        ["WP-157"],
        "a result",
        { ok: true, response: { status: 200, body: { $text: `said /now/${n}` } } },
        resultOf(`c${n}`)
      )
    }
    shows(
      ["WP-157"],
      "the fetch from where nobody listens",
      { ok: false, error: { name: { $any: "string" }, message: { $any: "string" } } },
      resultOf("refused")
    )
    shows(
      ["WP-158"],
      "the unknown call",
      { ok: false, error: { message: { $any: "string" } } },
      resultOf("odd")
    )
  }
)

cases.add("call-deadline", "A fetch ends with its invocation's time", ["WP-159"], {}, async (bench) => {
  const url = await upstream(bench)
  const { fn, heard } = await scripted(
    bench,
    (worker, args) => {
      worker.journal(args.journal)
      worker.ready({
        protocol: "1.1",
        runtime: "quickjs-ng",
        features: ["load", "call", "concurrency", "cancel"]
      })
      worker.on("invoke", ({ id }) => {
        const request = { url: `${args.url}/never`, method: "GET", headers: {}, body: "", redirect: "follow" }
        worker.send(id, "call", { call_id: "slow", name: "fetch", request })
      })
      return "silent"
    },
    { url },
    { ...PERMISSIVE, timeout_seconds: 0.4 }
  )
  check("the invocation", { status: 504, code: "FN_002" }, await fn.call("/"))
  // a host that says nothing may end the worker
  const pid = heard("invoke")[0]?.pid ?? 0
  await fn.door.until("the result", () => (heard("result").length > 0 || isGone(pid) ? true : null))
  check(
    "the result",
    [{ call_id: "slow", ok: false }],
    heard("result").map(({ payload }) => payload)
  )
})

export const hostCallCases = cases.all
