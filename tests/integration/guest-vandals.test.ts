import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { ERROR_CODES } from "../../src/protocol/worker/Wire.ts"
import { functionFixture, GuestProcess, type GuestRuntime, guestRuntimes } from "../support/GuestProcess.ts"
import { patience } from "../support/patience.ts"

/** What is spoilt: a method, a constructor or a getter, replaced by one that does as `mode` says. */
type Built = readonly [target: string, key: string, accessor: boolean]
const modes = ["throw", "undefined", "text", "object", "same"] as const
type Mode = (typeof modes)[number]

const bundle = functionFixture("valid/vandal-one.js")
/** The answers that the fixture knows. */
const CALLS = 10

/** Fields that are not there: of our messages and tables, and those that the language looks up. */
const FIELDS = [
  ..."toJSON then get set value writable enumerable configurable status statusText type id payload headers body url".split(
    " "
  ),
  ..."method query code stack message cause errors fault tooLarge deadline deadline_ms signal cancelled answered".split(
    " "
  ),
  ..."0 1 2 length trace host cookie name line column _tag done next limits zygote capabilities env eval reason".split(
    " "
  ),
  ..."inMemory disturbed locked handler error exported state index input depth fetch default call_id features".split(
    " "
  )
]
const inherited: ReadonlyArray<Built> = FIELDS.map((name) => ["Object.prototype", name, true])

/**
 * What the language itself asks for when a promise of an async function is settled or awaited: a function that spoils it can
 * wait for ever, as a handler can that never settles. It need not be answered; everything else holds.
 */
const settlesByItself = ([target, key]: Built): boolean =>
  (target === "Object.prototype" && (key === "then" || key === "constructor")) ||
  (target === "Promise.prototype" && (key === "then" || key === "constructor")) ||
  (target === "Promise" && key === "@@species")

/** What the fixture can spoil on a runtime. */
const listed = async (runtime: GuestRuntime): Promise<ReadonlyArray<Built>> => {
  const guest = await GuestProcess.ready({ runtime, bundle })
  const found = JSON.parse((await guest.response()).text) as ReadonlyArray<Built>
  await guest.kill()
  return found.concat(inherited)
}

const spoilt = (
  runtime: GuestRuntime,
  [target, key, accessor]: Built,
  mode: Mode,
  after: "serve" | "throw"
) =>
  GuestProcess.start({
    runtime,
    bundle,
    env: { SPOIL: JSON.stringify({ target, key, accessor, mode, after }) }
  })

/**
 * Where a spoilt iterator never ends, what the function does with it does not either: the native worker stops that at the
 * deadline. Whether a call is answered by its deadline or otherwise is all the same here.
 */
const deadlineMs = 1_000 * patience()

/** What each second call carries: headers of every kind, a query and a body. */
const FULL = {
  method: "POST",
  path: "/",
  url: "/?a=b",
  headers: { host: "a.b", "content-type": "text/plain", "x-a": ["1", "2"] },
  query: { a: "b" },
  body: "x".repeat(30_000)
}

/** The call that is cancelled. Where what signals are made with is spoilt, its handler need not hear of it. */
const CANCELLED = "cancelled"

/** Begins a call, of whose line the guest has read the first `bytes` before the others are sent. */
const beginInPieces = async (guest: GuestProcess, bytes: number): Promise<string> => {
  const id = `in-pieces-${bytes}`
  const ping = `before-${bytes}`
  const body = Buffer.from(FULL.body).toString("base64")
  const invoke = { id, type: "invoke", payload: { ...FULL, body, deadline_ms: deadlineMs } }
  const line = `${JSON.stringify(invoke)}\n`
  guest.expect(id)
  guest.sendRaw(`${JSON.stringify({ id: ping, type: "ping", payload: {} })}\n${line.slice(0, bytes)}`)
  await guest.next((message) => message.type === "pong" && message.id === ping)
  guest.sendRaw(line.slice(bytes))
  return id
}

/** Calls with and without all that a request can have, one that is cancelled, and such whose lines come in pieces. */
const serve = async (guest: GuestProcess): Promise<ReadonlyArray<string>> => {
  const ids: Array<string> = []
  for (let call = 0; call < CALLS; call += 1) {
    ids.push(guest.begin({ ...(call % 2 === 0 ? {} : FULL), deadlineMs }))
    await guest.settled()
    await guest.settled()
  }
  guest.begin({ ...FULL, id: CANCELLED, method: "DELETE", deadlineMs })
  await guest.settled()
  guest.send({ id: CANCELLED, type: "cancel", payload: { reason: "client_disconnect" } })
  // a few bytes are gathered, many are kept as they are
  for (const bytes of [9, 20_000]) {
    ids.push(await beginInPieces(guest, bytes))
    await guest.settled()
    await guest.settled()
  }
  return ids
}

/** Its faults, in words; none is what is wanted. */
const faultsOf = async (guest: GuestProcess, may: "answer" | "hang"): Promise<ReadonlyArray<string>> => {
  const faults: Array<string> = []
  const ids = await serve(guest)
  guest.hangUp()
  const code = await guest.exit()
  if (code !== 0) faults.push(`the host was gone, and it ended with ${code}`)
  for (const [call, id] of ids.entries()) {
    const answers = guest.messages.filter((one) => one.id === id && ["response", "error"].includes(one.type))
    const count = answers.length
    if (count !== 1 && !(count === 0 && may === "hang")) faults.push(`call ${call} has ${count} answers`)
  }
  for (const message of guest.messages) {
    const mine = ["", CANCELLED, ...ids].includes(message.id) || message.type === "pong"
    if (!mine) faults.push(`a message of nobody's: ${JSON.stringify(message)}`)
    if (message.type === "error" && !ERROR_CODES.includes(message.payload.code as "CANCELLED"))
      faults.push(`an error by the code ${message.payload.code}`)
  }
  if (guest.messages.filter((message) => message.type === "ready").length !== 1) faults.push("ready not once")
  return faults
}

/** How long a case may take: of all of them, one that hangs keeps none of the others from being tried. */
const CASE_MS = 20_000

/** Loads, and serves if it says that it is ready. */
const tryOne = async (runtime: GuestRuntime, built: Built, mode: Mode): Promise<ReadonlyArray<string>> => {
  const guest = await spoilt(runtime, built, mode, "serve")
  const failing = await spoilt(runtime, built, mode, "throw")
  const faults: Array<string> = []
  // whatever is waited for fails with the end of the guest
  const tooLong = setTimeout(() => {
    faults.push(`not over after ${CASE_MS} ms`)
    void guest.kill()
    void failing.kill()
  }, CASE_MS * patience())
  try {
    const first = await guest.next(({ type }) => type === "ready" || type === "error")
    if (first.type === "ready")
      faults.push(...(await faultsOf(guest, settlesByItself(built) ? "hang" : "answer")))
    const why = await failing.next(({ type }) => type === "ready" || type === "error")
    if (why.type !== "error") faults.push("ready, though it threw")
    if ((await failing.exit()) !== 1) faults.push("another exit code than 1")
  } catch (error) {
    faults.push(String(error))
  }
  clearTimeout(tooLong)
  faults.push(...guest.violations, ...failing.violations)
  await Promise.all([guest.kill(), failing.kill()])
  return faults
}

/** Tries each case, two side by side; a fault is printed as soon as it is found, too. */
const faultsOfAll = async (
  runtime: GuestRuntime,
  cases: ReadonlyArray<readonly [Built, Mode]>
): Promise<ReadonlyArray<string>> => {
  const faults: Array<string> = []
  const left = cases.values()
  const tryThose = async (): Promise<void> => {
    for (const [built, mode] of left) {
      for (const fault of await tryOne(runtime, built, mode)) {
        const told = `${built.join(" ")} ${mode}: ${fault.slice(0, 600)}`
        faults.push(told)
        process.stdout.write(`${runtime}: ${told}\n`)
      }
    }
  }
  await Promise.all([tryThose(), tryThose()])
  process.stdout.write(`${runtime}: ${cases.length} cases, ${faults.length} faults\n`)
  return faults
}

/** How many of all cases a run tries; `VANDALS=all` tries each. */
const RUNS: Readonly<Record<GuestRuntime, number>> = { bun: 25, "quickjs-ng": 120 }

describe.each(guestRuntimes)("a function on %s that has spoilt one built-in", (runtime) => {
  const ofBun: ReadonlyArray<readonly [...Built, Mode]> = [
    ["Buffer.prototype", "subarray", false, "undefined"],
    ["process", "reallyExit", false, "undefined"]
  ]
  const known: ReadonlyArray<readonly [...Built, Mode]> = [
    ["String.prototype", "concat", false, "text"],
    ["Object.prototype", "line", true, "text"],
    ["Object.prototype", "then", true, "same"],
    ["Object.prototype", "get", true, "object"],
    ["String.prototype", "trimStart", false, "throw"],
    ["String.prototype", "toLowerCase", false, "undefined"],
    ["Array.prototype", "@@iterator", false, "undefined"],
    ["%ArrayIterator.prototype%", "next", false, "throw"],
    ["Object.prototype", "fault", true, "object"],
    ["Object.prototype", "type", true, "throw"],
    ["RegExp.prototype", "exec", false, "undefined"],
    ["Promise.prototype", "then", false, "undefined"],
    ["%ArrayIterator.prototype%", "next", false, "object"],
    ["%SetIterator.prototype%", "next", false, "same"],
    ["Object", "getPrototypeOf", false, "text"],
    ["%TypedArray%", "@@species", true, "object"],
    ["%TypedArray.prototype%", "length", true, "undefined"],
    ["%TypedArray.prototype%", "length", true, "throw"],
    ["%TypedArray.prototype%", "set", false, "undefined"],
    ["globalThis", "Uint8Array", false, "throw"],
    ["Array.prototype", "findIndex", false, "throw"],
    ["String.prototype", "indexOf", false, "undefined"],
    ["String.prototype", "slice", false, "same"],
    ...(runtime === "bun" ? ofBun : [])
  ]
  test.each(known)(
    "%s.%s: each call has one answer, and no line is another's",
    async (target, key, accessor, mode) => {
      expect(await tryOne(runtime, [target, key, accessor], mode)).toEqual([])
    }
  )

  test(
    "whichever it is: each call has one answer, and no line is another's",
    { timeout: process.env["VANDALS"] === "all" ? 3_600_000 : 900_000 },
    async () => {
      const all = await listed(runtime)
      const cases = all.flatMap((built) => modes.map((mode) => [built, mode] as const))
      const check = async ([built, mode]: readonly [Built, Mode]): Promise<void> => {
        expect(await tryOne(runtime, built, mode), `${built.join(" ")} ${mode}`).toEqual([])
      }
      if (process.env["VANDALS"] !== "all") {
        await fc.assert(fc.asyncProperty(fc.constantFrom(...cases), check), { numRuns: RUNS[runtime] })
        return
      }
      expect(await faultsOfAll(runtime, cases)).toEqual([])
    }
  )
})
