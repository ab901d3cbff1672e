import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { faultsSuite } from "./suite.ts"

/** A server on a port of its own, behind a shell that waits for it. */
const SERVER = `
const server = require("node:http").createServer((_, response) =>
  response.end(JSON.stringify({ ready: true, runtimes: { bun: { available: true } } }))
)
server.listen(0, "127.0.0.1", () => console.log(process.pid + " " + server.address().port + "."))`

let folder: string
let shell: ChildProcess
let pid: number
let port: number
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "bbc-faults-"))
  shell = spawn("/bin/sh", ["-c", '"$0" -e "$1"; true', process.execPath, SERVER], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"]
  })
  let said = ""
  while (!said.includes(".")) said += String((await once(shell.stdout ?? shell, "data"))[0])
  ;[pid = 0, port = 0] = said.split(/[ .]/).map(Number)
})
afterEach(() => {
  if (shell.pid !== undefined) process.kill(-shell.pid, "SIGKILL")
  rmSync(folder, { recursive: true, force: true })
})

const start = async (named: number): Promise<ReadonlyArray<string>> => {
  const { start: begin } = await faultsSuite({
    requirements: new Map(),
    caseFiles: [],
    propertyRuns: null,
    timeoutFactor: 1,
    cmd: null,
    scriptedWorker: null,
    url: `http://127.0.0.1:${port}`,
    socket: null,
    apiKey: null,
    pid: named,
    runtimes: ["bun"],
    functions: ""
  })
  const { facts, stop } = await begin({
    signal: new AbortController().signal,
    folder,
    owns: () => () => {}
  })
  await stop()
  return facts.traits
}

describe("the process that --pid names", () => {
  it("is the server", async () => {
    expect(await start(pid)).toEqual(expect.arrayContaining(["pid", "worker-pid"]))
  })

  it("is not what started the server: that would be stopped, and the server would not", async () => {
    await expect(start(shell.pid ?? 0)).rejects.toThrow(
      `--pid ${shell.pid} has started the server, and is not it: give --pid ${pid}`
    )
  })

  it("has to be there", async () => {
    await expect(start(4_194_303)).rejects.toThrow("there is no process 4194303 (--pid)")
  })
})
