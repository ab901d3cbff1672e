import { Effect } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { connectHttp, connectSocket, type FunctionsClient } from "../../src/client/index.ts"
import { until } from "../support/Api.ts"
import {
  codeOf,
  type MortalOperation,
  mortalOperations,
  type MortalStep,
  reachedIn,
  type Setting,
  stepsOf,
  type Stored
} from "../support/MortalOperations.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { processesNaming, type ProcessIdentity, stillLives } from "../support/Processes.ts"
import { faultsOf } from "../support/StoredState.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/**
 * a server that is killed at any named step of an operation comes back whole. Each step of each operation is tried on
 * the real server, which then starts again on the same folder and socket, with everything that was there before.
 */

const program = fileURLToPath(new URL("../support/mortalServer.ts", import.meta.url))

/** What comes by behind all other steps. */
const ANSWERS = { http: ["answer:ready"], socket: ["answer:ready", "answer:written"] } as const

/** One data folder, and the servers that live on it one after another. */
class MortalServer {
  readonly #home = mkdtempSync(join(tmpdir(), "bunbase-mortal-"))
  readonly #control = join(this.#home, "fault-point")
  readonly dataDir = join(this.#home, "data")
  readonly socketPath = join(this.#home, "s.sock")
  readonly #door: "http" | "socket"
  readonly #flags: ReadonlyArray<string>
  server!: TestServer
  client!: FunctionsClient

  constructor(door: "http" | "socket", flags: ReadonlyArray<string> = []) {
    this.#door = door
    this.#flags = flags
    this.arm("")
    writeFileSync(`${this.#control}.reached`, "")
  }

  async start(): Promise<void> {
    this.server = await startServer({
      program,
      dataDir: this.dataDir,
      socketPath: this.socketPath,
      flags: ["--warm-workers", "0", ...this.#flags],
      env: { BUNBASE_TEST_FAULT_POINT: this.#control }
    })
    this.client =
      this.#door === "http"
        ? await connectHttp(this.server.url)
        : await connectSocket(this.socketPath, { reconnectAttempts: 0 })
  }

  /** Dies there, from now on; nowhere, if it is empty. */
  arm(step: string): void {
    writeFileSync(this.#control, step)
  }

  reached(from = 0): ReadonlyArray<string> {
    return reachedIn(this.#control, from)
  }

  /** Those that were below the server when it killed itself. */
  orphans(): ReadonlyArray<ProcessIdentity> {
    return readFileSync(`${this.#control}.orphans`, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => ({ pid: Number(line.split(" ")[0]), since: line.split(" ")[1] ?? "" }))
  }

  setting(name: string, runtime: Setting["runtime"]): Setting {
    return { client: this.client, name, runtime, dataDir: this.dataDir }
  }

  async stop(): Promise<void> {
    await this.client.close()
    await this.server.dispose()
  }

  /** Also after a test that has failed in its middle. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.arm("")
    await this.stop()
    rmSync(this.#home, { recursive: true, force: true })
  }
}

/** What the server says that there is. */
const storedOf = async (client: FunctionsClient, name: string): Promise<Stored> => {
  const view = (await client.list()).find((one) => one.name === name)
  if (view === undefined) return null
  const versions = await client.versions(name)
  expect(versions.filter(({ active }) => active).map(({ version }) => version)).toEqual(
    view.active_version === null ? [] : [view.active_version]
  )
  return { active: view.active_version, versions: versions.map(({ version }) => version) }
}

/** A call is served by what is in force, and by nothing where nothing is. */
const expectServed = async (client: FunctionsClient, name: string, stored: Stored): Promise<void> => {
  const answer = await client.invoke(name).then(
    (result) => result.text(),
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : error)
  )
  expect(answer).toBe(stored === null || stored.active === null ? "FN_001" : `${name} ${stored.active}`)
}

const settled = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false
  )

const nameOf = (step: MortalStep): string => (step.time === 1 ? step.point : `${step.point}:${step.time}`)

/** Kills the server at each of these steps of an operation, each time on a function of its own. */
const killAtEach = async (
  mortal: MortalServer,
  runtime: Setting["runtime"],
  operation: MortalOperation,
  steps: ReadonlyArray<MortalStep>,
  expected: Map<string, Stored>
): Promise<void> => {
  for (const [index, step] of steps.entries()) {
    const name = `f-${index}`
    const allowed = {
      damaged: new Set(operation.damaged === true ? [name] : []),
      strays: new Set(operation.byHand === true ? [name] : [])
    }
    await operation.prepare(mortal.setting(name, runtime))
    // What the server did after its last answer is behind it when it has answered another.
    await mortal.client.ping()
    mortal.arm(nameOf(step))
    const acknowledged = await settled(operation.act(mortal.setting(name, runtime)))
    expect([nameOf(step), await mortal.server.exited, mortal.reached().at(-1)]).toEqual([
      nameOf(step),
      null,
      step.point
    ])
    expect(acknowledged && step.point !== "answer:written").toBe(false)
    mortal.arm("")
    await mortal.client.close()
    await until(
      async () => mortal.orphans().filter(stillLives),
      (left) => left.length === 0
    )
    await mortal.server.dispose()

    await mortal.start()
    const stored = await storedOf(mortal.client, name)
    expect([nameOf(step), stored]).toEqual([
      nameOf(step),
      step.isCommitted ? operation.after : operation.before
    ])
    expect(faultsOf(mortal.dataDir, allowed)).toEqual([])
    if (operation.damaged !== true) await expectServed(mortal.client, name, stored)

    // It can be done now, or is done; and then all is as if nothing had happened.
    const again = mortal.setting(name, runtime)
    const done = JSON.stringify(stored) === JSON.stringify(operation.after) && operation.damaged !== true
    if (!done) await (operation.refused === true ? settled(operation.act(again)) : operation.act(again))
    if (operation.damaged === true) await operation.act(again)
    expect(await storedOf(mortal.client, name)).toEqual(operation.after)
    await expectServed(mortal.client, name, operation.after)
    expected.set(name, operation.after)
  }
}

/** After all of the crashes: nothing of what they left has been lost since. */
const expectAll = async (mortal: MortalServer, expected: ReadonlyMap<string, Stored>): Promise<void> => {
  await mortal.stop()
  expect(processesNaming(mortal.dataDir)).toEqual([])
  await mortal.start()
  expect(faultsOf(mortal.dataDir)).toEqual([])
  for (const [name, stored] of expected) expect(await storedOf(mortal.client, name)).toEqual(stored)
  const [last] = [...expected].filter(([, stored]) => stored?.active != null).slice(-1)
  if (last !== undefined) await expectServed(mortal.client, ...last)
}

const operations = Object.entries(mortalOperations)

/** Two at a time: a server that starts has a processor's whole attention. */
const lanes = Effect.unsafeMakeSemaphore(2)
const inLane = (body: () => Promise<void>): Promise<void> =>
  Effect.runPromise(lanes.withPermits(1)(Effect.promise(body)))

/** KILL_AT=all: also at the steps that are the very same as another operation's. */
const isAll = process.env["KILL_AT"] === "all"

const killing = (
  door: "http" | "socket",
  runtime: Setting["runtime"],
  flags: ReadonlyArray<string>,
  isTried: (title: string, step: MortalStep) => boolean
) => {
  it("comes by the named steps, in their order", async () => {
    await using mortal = new MortalServer(door, flags)
    await mortal.start()
    for (const [index, [title, operation]] of operations.entries()) {
      const setting = mortal.setting(`recorded-${index}`, runtime)
      await operation.prepare(setting)
      await mortal.client.ping()
      const from = mortal.reached().length
      expect(await settled(operation.act(setting))).toBe(operation.refused !== true)
      await mortal.client.ping()
      const own = (points: ReadonlyArray<string>) => points.filter((point) => !point.startsWith("answer:"))
      expect([title, ...own(mortal.reached(from))]).toEqual([
        title,
        ...own(stepsOf(operation, []).map(({ point }) => point))
      ])
    }
  })

  const tries = operations.flatMap(([title, operation]) => {
    // A refusal is no answer at the socket's door.
    const answer = operation.refused === true && door === "socket" ? [] : ANSWERS[door]
    const all = stepsOf(operation, answer)
    const steps = all.filter((step) => isAll || isTried(title, step))
    return steps.length === 0 ? [] : [[title, `${steps.length} of ${all.length}`, operation, steps] as const]
  })

  it.concurrent.each(tries)(
    "comes back whole, killed at each step: %s (%s)",
    (title, count, operation, steps) =>
      inLane(async () => {
        await using mortal = new MortalServer(door, flags)
        await mortal.start()
        const expected = new Map<string, Stored>()
        await killAtEach(mortal, runtime, operation, steps, expected)
        await expectAll(mortal, expected)
        process.stdout.write(
          `R-9: ${title} (${runtime}, ${door}): killed at ${count} steps, whole each time\n`
        )
      }),
    1_800_000
  )
}

describe("a server on Bun, killed over HTTP", () => {
  // Nothing that is made ready for others: half of what a start costs. A server with it: `kill-while-loading.test.ts`.
  const flags = ["--quickjs-fork-server", "off", "--bun-spare-workers", "0"]
  killing(
    "http",
    "bun",
    flags,
    (title, { point }) =>
      mortalOperations[title]?.own === undefined || mortalOperations[title].own.test(point)
  )
})

describeOnQuickJs("a server with QuickJS-NG, killed over the socket", () => {
  // The stores are the same for both: here those steps at which there are workers, or an answer.
  const titles = ["a further deployment", "a roll-back", "the deletion of a function"]
  const flags = ["--bun-spare-workers", "0"]
  killing(
    "socket",
    "quickjs-ng",
    flags,
    (title, { point }) =>
      titles.includes(title) && /^(switch:(worker|pub|ret)|delete:(com|ret)|answer:)/.test(point)
  )
})

describe("the named steps", () => {
  const source = fileURLToPath(new URL("../../src", import.meta.url))
  const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && name !== "domain/FaultPoint.ts"
  )
  const texts = files.map((name) => readFileSync(join(source, name), "utf8"))
  const named = texts.flatMap((text) => [...text.matchAll(/\breached\("([^"]+)"\)/g)].map(([, name]) => name))

  it("are tried, all of them, and are all there", () => {
    const tried = operations.flatMap(([, { steps }]) => steps).filter((point) => point !== "commit")
    expect([...new Set(named)].toSorted()).toEqual(
      [...new Set([...tried, "answer:ready", "answer:written"])].toSorted()
    )
  })

  it("are written out where they are, so that they can be found", () => {
    const calls = texts.flatMap((text) => [...text.matchAll(/\breached\(/g)])
    expect(calls).toHaveLength(named.length)
  })

  it("kill no server but the tests' own", async () => {
    const home = mkdtempSync(join(tmpdir(), "bunbase-immortal-"))
    const control = join(home, "fault-point")
    writeFileSync(control, "register:checked")
    const server = await startServer({ env: { BUNBASE_TEST_FAULT_POINT: control } })
    const client = await connectHttp(server.url)
    await client.register({ name: "a" })
    await client.deploy("a", { version: "v1", bundle: codeOf("a", "v1") })
    await expectServed(client, "a", { active: "v1", versions: ["v1"] })
    await client.close()
    expect(await server.stop()).toBe(0)
    expect(readdirSync(home)).toEqual(["fault-point"])
    await server.dispose()
    rmSync(home, { recursive: true })
    // Nobody in src puts another one in its place.
    expect(
      files.filter((name) =>
        /(provideService|succeed)\(\s*FaultPoint/.test(readFileSync(join(source, name), "utf8"))
      )
    ).toEqual([])
  })
})
