import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { FUNCTIONS } from "../cli/options.ts"
import { Transcript } from "../model/Transcript.ts"
import { faultsSuite } from "./suite.ts"

/** A server on a port of its own, behind a shell that waits for it. */
const SERVER = `
const server = require("node:http").createServer((_, response) =>
  response.end(JSON.stringify({
    ready: true, runtimes: { bun: { available: true } }, // GET /ready
    function_id: "f", name: "f", workers: { busy: 1 }, // a function
    worker: "w", count: 1, pid: null // a call of it
  }))
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

const suiteOf = (named: number) =>
  faultsSuite({
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
    functions: FUNCTIONS
  })

const context = () => ({
  signal: new AbortController().signal,
  folder,
  owns: () => () => {},
  transcript: new Transcript(),
  seed: 0,
  ranProperties: () => {},
  observe: () => {}
})

const start = async (named: number): Promise<ReadonlyArray<string>> => {
  const { start: begin } = await suiteOf(named)
  const { facts, stop } = await begin(context())
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

  it("is found to be another where the server answers while it is stopped", async () => {
    const other = spawn("sleep", ["1000"])
    try {
      const { cases, start: begin } = await suiteOf(other.pid ?? 0)
      const { target } = await begin(context())
      const fault = cases.find(({ id }) => id === "faults/server-stopped")
      await expect(fault?.run(target, context())).rejects.toThrow(
        `process ${other.pid} is stopped, and the server answers: it is another process`
      )
    } finally {
      other.kill("SIGKILL")
    }
  })
})
