import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { beyond, holdingsOf } from "./Leftovers.ts"
import type { TestServer } from "./TestServer.ts"

it("counts each of what is there twice, and tells what is there beyond", () => {
  expect(beyond(["a", "a", "b"], ["a", "b"])).toEqual(["a"])
  expect(beyond(["a"], ["a", "b"])).toEqual([])
})

it("sees a process, a descriptor, a worker's folder and a socket that were not there, and no others", async () => {
  const home = mkdtempSync(join(tmpdir(), "bunbase-leftovers-"))
  const dataDir = join(home, "data")
  mkdirSync(join(dataDir, "tmp"), { recursive: true })
  const server = { dataDir, pid: process.pid } as TestServer
  const before = holdingsOf(server)
  const child = Bun.spawn(["sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] })
  // As an orphan of a worker: nobody's child here.
  const orphan = Number(
    Bun.spawnSync(["sh", "-c", "tail -f /dev/null >/dev/null 2>&1 & echo $!"], {
      cwd: dataDir
    }).stdout.toString()
  )
  const file = openSync(home, "r")
  mkdirSync(join(dataDir, "tmp", "17-worker-3", "of-the-function"), { recursive: true })
  mkdirSync(join(dataDir, "bundles"))
  const socket = Bun.listen({ unix: join(home, "a.sock"), socket: { data: () => {} } })
  const more = beyond(holdingsOf(server), before)
  for (const expected of [
    "process sleep ",
    "process tail ",
    "descriptor /",
    "file data/tmp/#-worker-#",
    "file a.sock"
  ])
    expect(
      more.some((line) => line.startsWith(expected)),
      expected
    ).toBe(true)
  expect(more.some((line) => line.includes("bundles"))).toBe(false)
  socket.stop(true)
  closeSync(file)
  child.kill("SIGKILL")
  await child.exited
  process.kill(orphan, "SIGKILL")
  rmSync(home, { recursive: true })
})
