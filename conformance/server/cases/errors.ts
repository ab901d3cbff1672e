import { dirname } from "node:path"
import type { Bench } from "../Bench.ts"
import { check, holds, problemOf, refused } from "../check.ts"
import type { Answer } from "../client/SocketClient.ts"
import { casesOf } from "../define.ts"
import type { Door, Fn } from "../Door.ts"
import { type ScriptedWorker, scriptBundle } from "../scripted/ScriptedWorker.ts"

const cases = casesOf("errors", ["http"])

type Problem = Readonly<Record<string, unknown>>

/** What is said in a failure over the socket: of a refusal its problem, of an invocation that failed the answer itself. */
const saidBySocket = ({ payload, problem }: Answer): Problem => problem ?? payload

/** Fails where an invocation by the socket did not end with this failure. */
const failedBySocket = (what: string, answer: Answer, status: number, code: string): void =>
  check(what, { status, code }, saidBySocket(answer))

const SCRIPTED = { traits: ["own", "scripted-worker"] }

/** A function whose worker does this with each invocation. */
const scripted = async <Args>(
  bench: Bench,
  script: (worker: ScriptedWorker, args: Args) => unknown,
  args: Args,
  settings: Readonly<Record<string, number>> = {}
): Promise<Fn> => {
  const door = await bench.scripted(settings)
  return await door.fn({ source: scriptBundle(script, args) })
}

const reports = (worker: ScriptedWorker, { code, message }: { code: string; message: string }): void =>
  worker.on("invoke", ({ id }) => worker.send(id, "error", { code, message }))

const CODES = [
  ["out-of-memory", "OUT_OF_MEMORY", ["ER-025"], 500, "FN_003", false],
  ["handler-error", "HANDLER_ERROR", ["ER-027"], 500, "FN_004", false],
  ["invalid-response", "INVALID_RESPONSE", ["ER-028"], 500, "FN_004", false],
  ["response-too-large", "RESPONSE_TOO_LARGE", ["ER-031"], 502, "FN_004", false],
  ["unknown-code", "A_CODE_OF_LATER_WORKERS", ["ER-032"], 500, "FN_004", false],
  ["cancelled-unasked", "CANCELLED", ["ER-033"], 502, "FN_004", true],
  ["permission-denied", "PERMISSION_DENIED", ["ER-046"], 403, "FN_009", false]
] as const

for (const [id, code, requirements, status, fn, retryable] of CODES) {
  cases.add(
    id,
    `A worker that reports ${code} is ${fn} and ${status}`,
    [...requirements, "ER-014"],
    SCRIPTED,
    async (bench) => {
      const worker = await scripted(bench, reports, { code, message: "words of the worker" })
      const problem = refused(`a worker that reports ${code}`, await worker.http(), status, fn)
      check("retryable", retryable, problem["retryable"], new Map(), ["ER-014"])
      failedBySocket("the same by the socket", await worker.invoke(), status, fn)
    }
  )
}

cases.add(
  "unknown-code-as-thrown",
  "A code that nobody knows looks like a handler that threw",
  ["ER-032", "ER-017"],
  SCRIPTED,
  async (bench) => {
    const told = async (code: string) => {
      const fn = await scripted(bench, reports, { code, message: "sesame 4711" })
      const problem = problemOf(await fn.http())
      holds("the words of the error stay inside", !JSON.stringify(problem).includes("sesame"), problem)
      return { ...problem, invocation_id: "" }
    }
    check("what is said of the one and the other", await told("HANDLER_ERROR"), await told("NEW_IN_9"))
  }
)

/** Ways to break the protocol that leave an invocation without its answer. */
const BREACHES: Readonly<Record<string, string>> = {
  "a response of another form": '{"id":"ID","type":"response","payload":{"status":"fine"}}\n',
  "an error of another form": '{"id":"ID","type":"error","payload":7}\n',
  "a response to nobody":
    '{"id":"nobody","type":"response","payload":{"status":200,"headers":{},"body":""}}\n',
  "a second ready":
    '{"id":"","type":"ready","payload":{"protocol":"1.1","runtime":"quickjs-ng","features":[]}}\n'
}

cases.add(
  "protocol-broken",
  "A worker that breaks the protocol fails its invocation with FN_004 and 502",
  ["ER-030", "ER-014"],
  SCRIPTED,
  async (bench) => {
    for (const [what, line] of Object.entries(BREACHES)) {
      const fn = await scripted(
        bench,
        (worker, text: string) => worker.on("invoke", ({ id }) => worker.raw(text.replace("ID", id))),
        line
      )
      const problem = refused(what, await fn.http(), 502, "FN_004")
      check("retryable", true, problem["retryable"])
    }
  }
)

cases.add(
  "worker-died",
  "A worker that ends with an invocation in it is FN_004 and 502",
  ["ER-029", "ER-014"],
  SCRIPTED,
  async (bench) => {
    const fn = await scripted(bench, (worker) => worker.on("invoke", () => worker.exit(3)), null)
    const problem = refused("a worker that exits", await fn.http(), 502, "FN_004")
    check("what is said", { retryable: true, title: "Worker crashed" }, problem)
    failedBySocket("the same by the socket", await fn.invoke(), 502, "FN_004")
  }
)

cases.add(
  "worker-exits",
  "A function that ends its own process is FN_004 and 502",
  ["ER-029"],
  { traits: ["bun"] },
  async ({ server }) => {
    const fn = await server.fn({ runtime: "bun" })
    refused("process.exit", await fn.http("/do/exit"), 502, "FN_004")
    check("the status of the next", 200, (await fn.http()).status)
  }
)

cases.add(
  "memory",
  "A function that outgrows its memory is FN_003",
  ["ER-026", "ER-014"],
  { traits: ["quickjs-ng"], timeoutMs: 30_000 },
  async ({ server }) => {
    const fn = await server.fn({ runtime: "quickjs-ng", memory_mb: 16 })
    const problem = refused("a function that keeps everything", await fn.http("/do/memory"), 500, "FN_003")
    check("what is said", { retryable: false, title: "Memory limit exceeded" }, problem)
    check("the status of the next", 200, (await fn.http()).status)
  }
)

cases.each(
  "deadline",
  "A deadline that passes is FN_002",
  ["ER-023", "ER-014"],
  {},
  async ({ server }, runtime) => {
    const fn = await server.fn({ runtime, timeout_seconds: 0.5 })
    await fn.http()
    const problem = refused("an invocation without end", await fn.http("/do/never"), 504, "FN_002")
    check("what is said", { retryable: true, title: "Execution timeout exceeded" }, problem)
  }
)

cases.add(
  "deadline-in-queue",
  "A deadline that passes while an invocation waits is FN_002",
  ["ER-024"],
  { traits: ["socket"] },
  async (bench) => {
    const fn = await bench.server.fn({ concurrency: 1, max_workers: 1 })
    await fn.http()
    const holder = bench.keep(await bench.server.connect())
    holder.post("INVOKE", { function_id: fn.name, url: "/do/hold?mark=queue" })
    await fn.untilShown("the only place is taken", ({ workers }) => workers.busy === 1)
    failedBySocket("one that waits", await fn.invoke({ deadline_ms: 150 }), 504, "FN_002")
  }
)

/** A function with one place, which is taken, in a server with these settings. */
const oneTaken = async (bench: Bench, door: Door): Promise<Fn> => {
  const fn = await door.fn({ concurrency: 1, max_workers: 1, timeout_seconds: 20 })
  await fn.http()
  const holder = await door.tcp()
  bench.after(() => holder.destroy())
  void holder.send(`GET ${fn.target("/do/hold?mark=taken")} HTTP/1.1\r\nHost: a\r\n\r\n`)
  await fn.untilShown("the only place is taken", ({ workers }) => workers.busy === 1)
  return fn
}

cases.add(
  "queue-full",
  "An invocation that finds the queue full is FN_007 at once",
  ["ER-042", "ER-010", "ER-011", "ER-014"],
  { traits: ["own"] },
  async (bench) => {
    const door = await bench.special({ max_queue_length: 1 })
    const fn = await oneTaken(bench, door)
    const waiter = await door.tcp()
    bench.after(() => waiter.destroy())
    void waiter.send(`GET ${fn.target()} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await fn.untilShown("one waits", ({ queued }) => queued === 1)
    const begun = performance.now()
    const problem = refused("one more", await fn.http(), 429, "FN_007")
    // the place is taken for twenty seconds
    holds("it is told at once", performance.now() - begun < 8000, performance.now() - begun)
    check(
      "what is said",
      { retryable: true, title: "Limit exceeded", retry_after_seconds: { $gte: 0 } },
      problem
    )
    failedBySocket("the same by the socket", await fn.invoke(), 429, "FN_007")
  }
)

cases.add(
  "queue-too-long",
  "An invocation that waits for longer than the server lets any is FN_007",
  ["ER-043", "ER-010", "ER-011"],
  { traits: ["own"] },
  async (bench) => {
    const door = await bench.special({ max_queue_wait_seconds: 0.3 })
    const fn = await oneTaken(bench, door)
    refused("one that waits", await fn.http(), 429, "FN_007")
  }
)

cases.add(
  "no-worker-ready",
  "An invocation for which no worker becomes ready is FN_008",
  ["ER-044", "ER-010", "ER-011", "ER-014"],
  SCRIPTED,
  async (bench) => {
    // the first worker is the deployment's; those that come after it never say that they are ready
    const fn = await scripted(
      bench,
      (worker, file: string) => {
        if (worker.count(file) > 1) return "silent"
        worker.on("invoke", () => worker.exit(0))
        return "ready"
      },
      `${bench.context.folder}/starts`,
      { startup_timeout_seconds: 3 }
    )
    const response = await bench.server.until("an invocation for which no worker becomes ready", async () => {
      const answer = await fn.http()
      return answer.status === 502 ? null : answer
    })
    const problem = refused("an invocation for which no worker becomes ready", response, 503, "FN_008")
    check(
      "what is said",
      { retryable: true, title: "Cold start timeout", retry_after_seconds: { $gte: 0 } },
      problem
    )
  }
)

cases.add(
  "no-longer-loads",
  "Code that its workers cannot load any more is FN_005",
  ["ER-049", "ER-014"],
  SCRIPTED,
  async (bench) => {
    const fn = await scripted(
      bench,
      (worker, file: string) => {
        if (worker.count(file) > 1) {
          worker.send("", "error", { code: "BUNDLE_LOAD_ERROR", message: "it does not load" })
          return "silent"
        }
        worker.on("invoke", () => worker.exit(0))
        return "ready"
      },
      `${bench.context.folder}/starts`
    )
    const response = await bench.server.until("an invocation whose worker cannot load its code", async () => {
      const answer = await fn.http()
      return answer.status === 502 ? null : answer
    })
    const problem = refused("an invocation whose worker cannot load its code", response, 422, "FN_005")
    check("what is said", { retryable: false, title: "Deployment failed" }, problem)
  }
)

/** The same request by both doors. */
const byBoth = async (
  door: Door,
  target: string,
  payload: Readonly<Record<string, unknown>>
): Promise<readonly [Problem, Problem]> => [
  problemOf(await door.http(target)),
  saidBySocket(await door.call("INVOKE", payload))
]

cases.add(
  "both-doors",
  "The same failure is told alike over HTTP and over the socket",
  ["ER-015", "ER-002", "ER-004", "ER-005"],
  { traits: ["socket"] },
  async ({ server }) => {
    const fn = await server.fn({ timeout_seconds: 0.5 })
    const broken = "export default () => {"
    const at = (path: string) => byBoth(server, fn.target(path), { function_id: fn.name, url: path })
    const managed = async (method: string, path: string, body: object, ...call: Parameters<Door["call"]>) =>
      [problemOf(await server.api(method, path, body)), saidBySocket(await server.call(...call))] as const
    const bundle = { version: "v9", bundle: broken }
    const pairs = {
      "an unknown function": await byBoth(server, "/functions/nobody", { function_id: "nobody" }),
      "a handler that throws": await at("/do/throw"),
      "no Response": await at("/do/nothing"),
      "a deadline": await at("/do/never"),
      "a broken bundle": await managed("POST", `/functions/${fn.name}/deploy`, bundle, "DEPLOY_FUNCTION", {
        function_id: fn.name,
        ...bundle
      }),
      "a wrong field": await managed("POST", "/functions", { name: "No" }, "REGISTER_FUNCTION", {
        name: "No"
      })
    }
    for (const [what, [http, socket]] of Object.entries(pairs)) {
      const { code, retryable, status, title, type } = http
      check(`${what} by the socket`, { code, retryable, status, title, type }, socket)
    }
  }
)

cases.each(
  "no-paths",
  "No problem has the path of a stored bundle, nor a stack",
  ["ER-019", "ER-016"],
  {},
  async ({ server }, runtime) => {
    const fn = await server.fn({ runtime, expose_errors: true })
    const { versions } = (await server.api("GET", `/functions/${fn.name}/versions`)).json() as {
      readonly versions: ReadonlyArray<{ readonly bundle_path: string }>
    }
    // …/bundles/<function>/<version>/bundle.js
    const folder = dirname(dirname(String(versions[0]?.bundle_path)))
    const deploy = (bundle: string) =>
      server.api("POST", `/functions/${fn.name}/deploy`, { version: "v2", bundle })
    const answers = [
      await fn.http("/do/throw"),
      await fn.http("/do/nothing"),
      await deploy("export default () => {"),
      await deploy("throw new Error('at the top')\nexport default () => new Response()"),
      await deploy("const f = () => { null.x }\nf()\nexport default () => new Response()"),
      await deploy("export const nothing = 1")
    ]
    for (const answer of answers) {
      const text = answer.text()
      problemOf(answer)
      holds("the path of the bundle is not in the problem", !text.includes(folder), text)
      holds("no stack is in the problem", !/\\n\s+at |\n\s+at /.test(text), text)
    }
  }
)

cases.add("secrets", "Values of the environment are in no problem", ["ER-020"], {}, async ({ server }) => {
  const secret = "sesame-open-4711"
  const throwing = `export default () => { throw new Error("lost") }`
  const fn = await server.fn({ source: throwing, env: { TOKEN: secret } })
  const answers = [
    await fn.http(),
    await fn.http("", { headers: { Host: "a b" } }),
    await server.api("POST", "/functions", {
      name: fn.name,
      runtime: server.runtime,
      env: { TOKEN: `${secret}x` }
    }),
    await server.api("POST", "/functions", { name: "x", env: { TOKEN: secret, "": secret, BUN_X: secret } }),
    await server.api("POST", `/functions/${fn.name}/deploy`, {
      version: "v2",
      bundle: "export default () => {"
    })
  ]
  for (const answer of answers) {
    problemOf(answer)
    holds("the value is not in the problem", !answer.text().includes(secret), answer.text())
  }
})

cases.add(
  "ids-in-problems",
  "A problem of a call has the invocation's id",
  ["ER-007"],
  {},
  async ({ server }) => {
    const fn = await server.sharedFn({ concurrency: 20, max_workers: 2 })
    const answers = [
      await server.http("/functions/nobody"),
      await fn.http("/do/throw"),
      await fn.http("", { method: "TRACE" }),
      await fn.http("/#fragment"),
      await fn.http("", { headers: { Host: "a b" } }),
      await fn.http("", { method: "POST", headers: { "Content-Length": "10485761" } })
    ]
    for (const answer of answers) {
      const id = answer.header("x-invocation-id")
      check("the id in the head", { $any: "string" }, id, new Map(), ["HG-049"])
      check("the id in the problem", id, problemOf(answer)["invocation_id"])
    }
  }
)

export const errorsCases = cases.all
