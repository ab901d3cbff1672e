import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Transcript } from "../../model/Transcript.ts"
import { hasLivingMembers, isRunning, ProcessGroups } from "../../ProcessGroups.ts"
import { ServerProcess } from "./ServerProcess.ts"

let folder = ""
let groups = new ProcessGroups()
const started: Array<number> = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "server-"))
  groups = new ProcessGroups()
  started.length = 0
})
afterEach(async () => {
  await groups.end()
  await rm(folder, { recursive: true, force: true })
})

const start = (command: string): ServerProcess =>
  new ServerProcess({
    command,
    place: { data: join(folder, "data"), socket: join(folder, "s"), port: 1 },
    settings: {},
    env: {},
    worker: null,
    processes: {
      owns: (leader) => {
        started.push(leader)
        return groups.owns(leader)
      }
    },
    transcript: new Transcript()
  })

/** A server that tells its number, and how it is ended: by SIGTERM with code 7. */
const SERVER =
  "sh -c 'trap \"echo heard; exit 7\" TERM; echo I am $$ with $A in $PWD.; while :; do sleep 0.02; done'"

const said = async (server: ServerProcess): Promise<{ readonly pid: number; readonly rest: string }> => {
  await server.printed(".\n")
  const [, pid, rest = ""] = /I am (\d+) (.*)/.exec(server.output) ?? []
  return { pid: Number(pid), rest }
}

describe("a server's process", () => {
  it.each([
    ["a plain command", SERVER, /^with +in /],
    ["behind assignments", `A='a  b' ${SERVER}`, /^with a b in /],
    ["in another folder", `cd / && A=c ${SERVER}`, /^with c in \/\.$/],
    ["in a subshell", `(cd / && A=d; export A; ${SERVER})`, /^with d in \/\.$/],
    ["in a group of commands", `{ ${SERVER}; }`, /^with +in /],
    ["with something to do after it", `trap 'echo after' EXIT; ${SERVER}`, /^with +in /]
  ])("%s: it hears signals itself", async (_, command, words) => {
    const server = start(command)
    const { pid, rest } = await said(server)
    expect(rest).toMatch(words)
    expect(server.pid).toBe(pid)
    server.signal("SIGTERM")
    expect(await server.exited).toMatchObject({ code: 7, signal: null })
    expect(server.output).toContain("heard\n")
    await expect.poll(() => started.filter(hasLivingMembers)).toEqual([])
  })

  it("that does not hear is killed when its time is over, with all that it has started", async () => {
    const server = start("{ sh -c 'trap \"\" TERM; echo I am $$ .; while :; do sleep 0.02; done'; }")
    const { pid } = await said(server)
    await server.stop(0)
    await expect.poll(() => isRunning(pid)).toBe(false)
    await expect.poll(() => started.filter(hasLivingMembers)).toEqual([])
  })

  it("that floods its output is killed, and says so; once it is ready it may print more", async () => {
    const flooding = start("yes")
    expect(await flooding.exited).toMatchObject({ signal: "SIGKILL" })
    expect(flooding.flood).toBe("it has printed more than 16777216 bytes")
    const ready = start("yes | head -c 20000000")
    ready.becameReady()
    expect(await ready.exited).toMatchObject({ code: 0 })
    expect(ready.flood).toBeNull()
    await expect.poll(() => started.filter(hasLivingMembers)).toEqual([])
  })
})
