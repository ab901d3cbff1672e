import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { ServerOptions } from "../model/Options.ts"
import { TargetUnusable } from "../model/Suite.ts"
import { hasLivingMembers, ProcessGroups } from "../ProcessGroups.ts"
import { Transcript } from "../model/Transcript.ts"
import { startTarget } from "./ServerTarget.ts"

const FAKE = fileURLToPath(new URL("testing/fakeServer.ts", import.meta.url))

let folder = ""
let groups = new ProcessGroups()
const started: Array<number> = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "target-"))
  groups = new ProcessGroups()
  started.length = 0
})
afterEach(async () => {
  await groups.end()
  await rm(folder, { recursive: true, force: true })
})

const options = (cmd: string | null, more: Partial<ServerOptions> = {}): ServerOptions => ({
  requirements: new Map(),
  caseFiles: [],
  propertyRuns: null,
  timeoutFactor: 0.15,
  cmd,
  scriptedWorker: null,
  url: null,
  socket: null,
  apiKey: null,
  runtimes: ["bun"],
  functions: folder,
  ...more
})

const fake = (mode: string): string => `'${process.execPath}' '${FAKE}' ${mode} {port}`

/** Why the target cannot be tested. */
const fault = async (given: ServerOptions): Promise<TargetUnusable> => {
  const owns = (leader: number) => {
    started.push(leader)
    return groups.owns(leader)
  }
  const error: unknown = await startTarget(given, {
    signal: new AbortController().signal,
    folder,
    owns
  }).then(
    async ({ stop }) => {
      await stop()
      return null
    },
    (thrown: unknown) => thrown
  )
  expect(error).toBeInstanceOf(TargetUnusable)
  return error as TargetUnusable
}

describe("a command that is no server", () => {
  it.each([
    ["ends at once", "true # {port}", /^the server ended with code 0 before it was ready$/],
    ["is not there", "/nowhere/server {port}", /^the server ended with code 127 before it was ready$/],
    ["dies", fake("dies"), /^the server ended with code 3 before it was ready$/],
    ["is killed", "sh -c 'kill -9 $$' {port}", /^the server ended by SIGKILL before it was ready$/],
    [
      "listens nowhere",
      fake("absent"),
      /^the server did not start: nobody listens at http:\/\/127\.0\.0\.1:\d+ after \d+ ms/
    ],
    [
      "says nothing",
      fake("hangs"),
      /^the server hangs: it takes connections at .* and has not answered within \d+ ms$/
    ],
    [
      "greets by another protocol",
      fake("greets"),
      /^the server speaks another protocol: GET \/ready: .* not HTTP$/
    ],
    [
      "is another web server",
      fake("web"),
      /^the server speaks another protocol: GET \/ready is answered with 404 no such page$/
    ],
    [
      "floods its output",
      fake("floods"),
      /^the server floods its output: it has printed more than 16777216 bytes$/
    ],
    ["does not get ready", fake("starting"), /^the server was not ready within \d+ ms: .*starting/],
    ["lacks a runtime", fake("crippled"), /^the server does not have the runtime bun: it was eaten$/]
  ])("%s: says so, and leaves nothing behind", async (_, cmd, words) => {
    const { message } = await fault(options(cmd))
    expect(message).toMatch(words)
    expect(started).toHaveLength(1)
    await expect.poll(() => started.filter(hasLivingMembers)).toEqual([])
  })

  it("has the end of a flood told, and no more", async () => {
    const { details } = await fault(options(fake("floods")))
    expect(details.length).toBeGreaterThan(0)
    expect(details.join("\n").length).toBeLessThan(20 * 600)
  })

  it("has its last words told", async () => {
    const { details } = await fault(options(fake("dies")))
    expect(details.join("\n")).toContain("out of luck")
  })
})

describe("a server that ends by itself while cases run", () => {
  it.each([
    ["dies", "the server ended with code 3 while cases ran; it said last: out of luck"],
    ["floods", "the server floods its output: it has printed more than 536870912 bytes, and was killed; it"]
  ])("%s: is told, and leaves nothing behind", async (path, words) => {
    const { lost, stop, target } = await startTarget(options(fake("fickle")), {
      signal: new AbortController().signal,
      folder,
      owns: (leader) => {
        started.push(leader)
        return groups.owns(leader)
      }
    })
    const door = target.shared({
      signal: new AbortController().signal,
      folder,
      owns: groups.owns,
      transcript: new Transcript(),
      seed: 0,
      ranProperties: () => {},
      observe: () => {}
    })
    const asked = door.http(`/${path}`).catch(() => {})
    expect(await lost).toContain(words)
    await asked
    await stop()
    expect(started).toHaveLength(1)
    await expect.poll(() => started.filter(hasLivingMembers)).toEqual([])
  })
})

describe("an address at which no server is", () => {
  it("is said to be one where nobody listens", async () => {
    const { message } = await fault(options(null, { socket: join(folder, "nobody") }))
    expect(message).toMatch(/^there is no server: nobody listens at .*nobody after \d+ ms/)
    expect(started).toHaveLength(0)
  })
})
