import { existsSync, lstatSync, readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CaseFailure } from "../../model/Case.ts"
import { TargetUnusable } from "../../model/Suite.ts"
import type { Bench } from "../Bench.ts"
import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"

/** The socket's file, and the end of a server with open connections. */
const cases = casesOf("socket-file", ["own", "socket"])

const place = async (bench: Bench): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "bbc-"))
  bench.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, "s")
}

cases.add(
  "mode",
  "The socket is a socket that only its owner may open",
  ["SP-001", "SP-002"],
  {},
  async (bench) => {
    const stat = lstatSync((await bench.special({})).socketPath)
    holds("it is no socket", stat.isSocket())
    check("its mode", "600", (stat.mode & 0o777).toString(8))
  }
)

cases.add("in-use", "A socket that is in use is left alone", ["SP-003"], {}, async (bench) => {
  const first = await bench.special({})
  const before = lstatSync(first.socketPath)
  const second = await bench.launch({ place: { socket: first.socketPath } })
  const { code } = await second.exited
  check("the second server's exit code", { $not: 0 }, code)
  holds("the file is gone", existsSync(first.socketPath))
  check("the file", before.ino, lstatSync(first.socketPath).ino)
  check("the first server", "OK", (await first.call("PING")).status)
})

cases.add(
  "stale",
  "A socket on which nobody listens any more is taken over",
  ["SP-004"],
  {},
  async (bench) => {
    const socket = await place(bench)
    const first = await bench.own({ place: { socket } })
    await first.kill()
    holds("a killed server has removed its socket: nothing is left to take over", existsSync(socket))
    const second = await bench.own({ place: { socket } }).catch((error: unknown) => {
      if (!(error instanceof TargetUnusable)) throw error
      throw new CaseFailure("a server does not start where a killed one has left its socket", {
        observed: error.message
      })
    })
    check("the second server", "OK", (await second.call("PING")).status)
  }
)

cases.add("no-socket", "A file that is no socket is left alone", ["SP-005"], {}, async (bench) => {
  const socket = await place(bench)
  await writeFile(socket, "precious")
  const server = await bench.launch({ place: { socket } })
  const { code } = await server.exited
  check("the server's exit code", { $not: 0 }, code)
  holds("the file is gone", existsSync(socket))
  check("the file", "precious", readFileSync(socket, "utf8"))
})

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  cases.add(
    `removed-${signal.toLowerCase()}`,
    `The socket's file is gone after ${signal}`,
    ["SP-006"],
    {},
    async (bench) => {
      const server = await bench.own()
      holds("the socket is not there", existsSync(server.socketPath))
      server.process.signal(signal)
      check("the exit code", 0, (await server.process.exited).code)
      holds("the socket is left behind", !existsSync(server.socketPath))
    }
  )
}

cases.add(
  "draining",
  "A server that stops answers what it has, refuses what is new, and answers PING",
  ["SP-094", "SP-095", "SP-096"],
  {},
  async (bench) => {
    const server = await bench.own()
    const fn = await server.fn({ concurrency: 5 })
    const client = bench.keep(await server.connect())
    const running = client.post("INVOKE", { function_id: fn.name, url: "/do/sleep?ms=1500" })
    await fn.untilShown("the invocation", ({ workers }) => workers.busy === 1)
    server.process.signal("SIGTERM")
    await server.until("that it refuses what is new", async () => {
      const { payload, status } = await client.call("GET_FUNCTION", { function_id: fn.name })
      if (status !== "ERROR") return null
      check("the code of a refusal", "FN_008", payload["code"], undefined, ["SP-095"])
      return true
    })
    const isRefused = { status: "ERROR", payload: { code: "FN_008" }, problem: { status: 503 } }
    check("a new INVOKE", isRefused, await client.call("INVOKE", { function_id: fn.name }))
    check("a new REGISTER_FUNCTION", isRefused, await client.call("REGISTER_FUNCTION", { name: "too-late" }))
    check("LIST_FUNCTIONS", isRefused, await client.call("LIST_FUNCTIONS"))
    check("a PING", "OK", (await client.call("PING")).status, undefined, ["SP-096"])
    const isAnswered = { status: "OK", payload: { success: true } }
    check("what was under way", isAnswered, await client.answer(running), undefined, ["SP-094"])
    check("the exit code", 0, (await server.process.exited).code)
  }
)

export const socketFileCases = cases.all
