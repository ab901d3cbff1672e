// Functions: what is registered, replaced, and shown (LC-001 to LC-009).
import type { Door } from "../Door.ts"
import { check, holds, refused } from "../check.ts"
import { casesOf, RUNTIMES } from "../define.ts"
import { gatedSource, tryDeploy } from "../lifecycle/gated.ts"

const { add, all: functionCases, each } = casesOf("lifecycle", ["http"])
export { functionCases }

const SOURCE = "export const main = () => new Response('main'); export default () => new Response('default')"

/** What a view says of the function itself. */
/** What is not set, but seen. */
const OBSERVED = ["function_id", "name", "workers", "quarantine", "queued", "invocations", "state"]

const settingsOf = (view: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(view).filter(([key]) => !OBSERVED.includes(key) && !key.endsWith("_at")))

add(
  "known-at-both-doors",
  "A function is known by name and id at both doors: shown, deployed to, called, its versions listed",
  ["LC-001", "LC-002", "LC-003"],
  { traits: ["socket"] },
  async ({ server }) => {
    const name = server.name()
    const registration = await server.call("REGISTER_FUNCTION", { name, runtime: server.runtime })
    check("the registration", "OK", registration.status)
    const view = { name, status: "registered", state: "REGISTERED", active_version: null }
    check("the new function", view, registration.payload)
    const id = String(registration.payload["function_id"])
    holds("the id has another form", /^func-[0123456789abcdefghjkmnpqrstvwxyz]{16}$/.test(id), id)
    for (const either of [name, id]) {
      const called = await server.http(`/functions/${either}`)
      refused(`a call of ${either} before it is deployed`, called, 404, "FN_001")
      const invoked = await server.call("INVOKE", { function_id: either })
      check("an INVOKE before it is deployed", { code: "FN_001" }, invoked.payload)
      check("what HTTP shows", { function_id: id }, (await server.api("GET", `/functions/${either}`)).json())
      const shown = await server.call("GET_FUNCTION", { function_id: either })
      check("what the socket shows", { function_id: id }, shown.payload)
    }
    await server.expectDeployed(id, "v1", SOURCE)
    const again = await server.call("DEPLOY_FUNCTION", { function_id: id, version: "v1", bundle: SOURCE })
    check("a deployment by id", "OK", again.status)
    for (const either of [name, id]) {
      check(`a call of ${either}`, 200, (await server.http(`/functions/${either}`)).status)
      const invoked = await server.call("INVOKE", { function_id: either })
      check(`an INVOKE of ${either}`, { success: true }, invoked.payload)
      const versions = [{ version: "v1", active: true }]
      check("versions", { versions }, (await server.api("GET", `/functions/${either}/versions`)).json())
      const listed = await server.call("GET_FUNCTION_VERSIONS", { function_id: either })
      check("versions by the socket", { versions }, listed.payload)
    }
  }
)

add("ids-are-own", "Each function has an id of its own, which stays", ["LC-002"], {}, async ({ server }) => {
  const names = Array.from({ length: 8 }, () => server.name())
  const { runtime } = server
  const views = await Promise.all(names.map((name) => server.register({ name, runtime })))
  const ids = views.map((view) => view["function_id"])
  check("different ids", names.length, new Set(ids).size)
  const [first = ""] = names
  const same = await server.expectRegistered({ name: first, runtime, memory_mb: 64 })
  check("the id after another registration", ids[0], same["function_id"])
  await server.deploy(first, "v1", SOURCE)
  check("the id after a deployment", ids[0], (await server.show(first)).function_id)
})

add(
  "all-settings-replaced",
  "Before a version is in force a registration replaces all settings: what it leaves out has its default again",
  ["LC-004"],
  { traits: [...RUNTIMES] },
  async ({ server }) => {
    const plain = settingsOf(await server.register({ name: server.name(), runtime: "bun" }))
    const name = server.name()
    await server.register({
      name,
      runtime: "quickjs-ng",
      handler: "main",
      env: { A: "1" },
      memory_mb: 33,
      timeout_seconds: 2,
      max_workers: 3,
      warm_workers: 1,
      concurrency: 4,
      max_concurrent_executions: 5,
      idle_timeout_seconds: 6,
      expose_errors: true,
      isolation: "invocation",
      snapshot: true
    })
    await server.expectRegistered({ name, runtime: "bun" })
    check("the settings", plain, settingsOf(await server.show(name)))
    await server.expectDeployed(
      name,
      "v1",
      `${SOURCE}\nif (process.env.A !== undefined) throw new Error('A is there')`
    )
    check("which handler answers", "default", (await server.http(`/functions/${name}`)).text())
  }
)

add(
  "replaced-after-a-failure",
  "After a first deployment that failed the settings can be replaced too",
  ["LC-004", "LC-027"],
  {},
  async ({ server }) => {
    const name = server.name()
    const { runtime } = server
    const env = { NEEDED: "yes" }
    const source = `if (process.env.NEEDED !== 'yes') throw new Error('not there')\nexport const main = () => new Response('main')`
    await server.register({ name, runtime, handler: "main" })
    refused("the deployment", await tryDeploy(server, name, "v1", source), 422, "FN_005")
    const failed = await server.show(name)
    check("the function afterwards", { status: "registered", handler: "main" }, failed, new Map(), ["LC-027"])
    await server.expectRegistered({ name, runtime, handler: "main", env })
    await server.expectDeployed(name, "v1", source)
    check("the answer", "main", (await server.http(`/functions/${name}`)).text())
  }
)

each(
  "in-force",
  "In force, the same registration changes nothing, and another one is refused with each field that differs",
  ["LC-005", "LC-006", "LC-009"],
  {},
  async ({ server }, runtime) => {
    const name = server.name()
    const settings = { name, runtime, handler: "main", timeout_seconds: 3, env: { X: "rosebud-1", Y: "2" } }
    await server.register(settings)
    await server.deploy(name, "v1", gatedSource("v1", null).replace("export default", "export const main ="))
    const say = async () => (await server.http(`/functions/${name}`)).json() as Record<string, unknown>
    const { worker } = await say()
    const before = settingsOf(await server.show(name))
    const same = await server.api("POST", "/functions", settings)
    check(
      "the same registration",
      { status: 200, view: before },
      {
        status: same.status,
        view: settingsOf(same.json() as Record<string, unknown>)
      }
    )
    check("the function afterwards", before, settingsOf(await server.show(name)))
    check("who answers", { worker, count: 2 }, await say())

    const other = {
      name,
      runtime,
      handler: "other",
      timeout_seconds: 4,
      max_workers: 2,
      concurrency: 2,
      env: { X: "rosebud-2", Z: "3" }
    }
    const refusal = await server.api("POST", "/functions", other)
    const { violations } = refused("another registration", refusal, 400, "FN_006")
    const fields = (violations as ReadonlyArray<{ readonly field: string }>).map(({ field }) => field)
    for (const field of ["handler", "timeout_seconds", "max_workers", "concurrency"]) {
      check("the fields that differ", { $some: field }, fields, new Map(), ["LC-006"])
    }
    holds(
      "no field of the environment is named",
      fields.some((field) => field.startsWith("env")),
      fields
    )
    holds("a value of the environment is shown", !refusal.text().includes("rosebud"), refusal.text())
    check("the function afterwards", before, settingsOf(await server.show(name)))
    check("who answers", { worker, count: 3 }, await say())
  }
)

add(
  "another-runtime",
  "The runtime of a function in force stays",
  ["LC-006"],
  { traits: [...RUNTIMES] },
  async ({ server }) => {
    const name = server.name()
    await server.register({ name, runtime: "quickjs-ng" })
    await server.deploy(name, "v1", SOURCE)
    const refusal = await server.api("POST", "/functions", { name, runtime: "bun" })
    const { violations } = refused("another runtime", refusal, 400, "FN_006")
    check("the violations", { $some: { field: "runtime" } }, violations)
    check("the runtime", { runtime: "quickjs-ng", status: "deployed" }, await server.show(name))
  }
)

const LIMITS = {
  memory_mb: 99,
  execution_timeout_seconds: 7,
  max_workers: 3,
  concurrency: 5,
  max_concurrent_executions: 66,
  idle_timeout_seconds: 44
}
/** As a function shows them. */
const shown = ({ execution_timeout_seconds, ...rest }: typeof LIMITS) => ({
  ...rest,
  timeout_seconds: execution_timeout_seconds
})

add(
  "defaults-of-the-server",
  "Limits that a registration leaves out are the server's, also when it is started again with others",
  ["LC-007"],
  { traits: ["own"], timeoutMs: 40_000 },
  async (bench) => {
    const server = await bench.own({ settings: LIMITS })
    const { runtime } = server
    await server.register({ name: "plain", runtime })
    await server.register({ name: "own", runtime, memory_mb: 123 })
    check("limits that were left out", shown(LIMITS), await server.show("plain"))
    check("a limit of the function's own", { ...shown(LIMITS), memory_mb: 123 }, await server.show("own"))
    await server.deploy("plain", "v1", SOURCE)
    await server.process.stop(5_000)
    const others = { ...LIMITS, memory_mb: 88, execution_timeout_seconds: 8, max_workers: 2, concurrency: 4 }
    const again = await bench.again(server, { settings: others })
    check("limits with other defaults", shown(others), await again.show("plain"))
    check("a limit of its own", { ...shown(others), memory_mb: 123 }, await again.show("own"))
  }
)

add(
  "runtime-not-there",
  "For each runtime that the server reports as not available a registration is refused",
  ["LC-008"],
  { traits: ["own", "quickjs-ng"] },
  async (bench) => {
    const server = await bench.own({ settings: { quickjs_worker: "/bin/false" } })
    const ready = (await server.http("/ready")).json() as {
      readonly runtimes?: Readonly<Record<string, { readonly available: boolean; readonly reason?: string }>>
    }
    const said = ready.runtimes?.["quickjs-ng"]
    check(
      "what is said of a runtime that is not there",
      { available: false, reason: { $any: "string" } },
      said
    )
    const name = server.name()
    const refusal = await server.api("POST", "/functions", { name, runtime: "quickjs-ng" })
    const { violations } = refused("a registration for it", refusal, 400, "FN_006")
    check("the violations", { $some: { field: "runtime" } }, violations)
    refused("the function", await server.api("GET", `/functions/${name}`), 404, "FN_001")
  }
)

add(
  "secret-at-the-socket",
  "Values of environment variables are in no answer of the socket's commands either",
  ["LC-009"],
  { traits: ["socket"] },
  async ({ server }) => {
    const name = server.name()
    const { runtime } = server
    const secret = "rosebud-at-the-socket"
    const settings = { name, runtime, env: { TOKEN: secret, B: secret, A: secret } }
    const answers = [await server.call("REGISTER_FUNCTION", settings)]
    check("the names", { env: ["A", "B", "TOKEN"] }, answers[0]?.payload)
    const bad = { ...settings, env: { "A B": secret, TOKEN: [secret] } }
    const wrong = await server.call("REGISTER_FUNCTION", bad)
    check("a registration with a bad name", { code: "FN_006" }, wrong.payload)
    answers.push(wrong)
    const deployment = { function_id: name, version: "v1", bundle: SOURCE }
    answers.push(await server.call("DEPLOY_FUNCTION", deployment))
    answers.push(await server.call("REGISTER_FUNCTION", { ...settings, env: { TOKEN: "other" } }))
    check("a registration with other values", { code: "FN_006" }, answers.at(-1)?.payload)
    answers.push(await server.call("GET_FUNCTION", { function_id: name }))
    answers.push(await server.call("GET_FUNCTION_VERSIONS", { function_id: name }))
    answers.push(await listOf(server))
    for (const { payload } of answers) {
      holds("a value is shown", !JSON.stringify(payload).includes(secret), payload)
    }
  }
)

const listOf = (server: Door) => server.call("LIST_FUNCTIONS")
