import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { ERROR_CODES } from "../../src/protocol/worker/Wire.ts"
import { functionFixture, GuestProcess, type GuestRuntime, guestRuntimes } from "../support/GuestProcess.ts"

/** What is spoilt: a method, a constructor or a getter, replaced by one that does as `mode` says. */
type Built = readonly [target: string, key: string, accessor: boolean]
const modes = ["throw", "undefined", "text", "object", "same"] as const
type Mode = (typeof modes)[number]

const bundle = functionFixture("valid/vandal-one.js")
/** The answers that the fixture knows. */
const CALLS = 9

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

/** Its faults, in words; none is what is wanted. */
const faultsOf = async (guest: GuestProcess, may: "answer" | "hang"): Promise<ReadonlyArray<string>> => {
  const faults: Array<string> = []
  const answered = (id: string) =>
    guest.messages.filter((one) => one.id === id && (one.type === "response" || one.type === "error"))
  const ids: Array<string> = []
  for (let call = 0; call < CALLS; call += 1) {
    ids.push(guest.begin())
    await guest.settled()
    await guest.settled()
  }
  for (const [call, id] of ids.entries()) {
    const count = answered(id).length
    if (count !== 1 && !(count === 0 && may === "hang")) faults.push(`call ${call} has ${count} answers`)
  }
  for (const message of guest.messages) {
    const mine = message.id === "" || ids.includes(message.id) || message.type === "pong"
    if (!mine) faults.push(`a message of nobody's: ${JSON.stringify(message)}`)
    if (message.type === "error" && !ERROR_CODES.includes(message.payload.code as "CANCELLED"))
      faults.push(`an error by the code ${message.payload.code}`)
  }
  if (guest.messages.filter((message) => message.type === "ready").length !== 1) faults.push("ready not once")
  return faults
}

/** Loads, and serves if it says that it is ready. */
const tryOne = async (runtime: GuestRuntime, built: Built, mode: Mode): Promise<ReadonlyArray<string>> => {
  const guest = await spoilt(runtime, built, mode, "serve")
  const failing = await spoilt(runtime, built, mode, "throw")
  const faults: Array<string> = []
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
  faults.push(...guest.violations, ...failing.violations)
  await Promise.all([guest.kill(), failing.kill()])
  return faults
}

/** How many of all cases a run tries; `VANDALS=all` tries each. */
const RUNS: Readonly<Record<GuestRuntime, number>> = { bun: 25, "quickjs-ng": 120 }

describe.each(guestRuntimes)("a function on %s that has spoilt one built-in", (runtime) => {
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
    ...(runtime === "bun" ? ([["Buffer.prototype", "subarray", false, "undefined"]] as const) : [])
  ]
  test.each(known)(
    "%s.%s: each call has one answer, and no line is another's",
    async (target, key, accessor, mode) => {
      expect(await tryOne(runtime, [target, key, accessor], mode)).toEqual([])
    }
  )

  test(
    "whichever it is: each call has one answer, and no line is another's",
    { timeout: 900_000 },
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
      const faults: Array<string> = []
      for (const one of cases)
        await check(one).catch((error: unknown) => faults.push(String(error).slice(0, 600)))
      expect(faults).toEqual([])
    }
  )
})
