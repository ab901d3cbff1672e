/**
 * A server that is broken in one way (or a few): a proxy before a server that is right.
 *
 *     bun conformance/broken/servers/main.ts FLAW… --data DIR --socket PATH --port N [--server COMMAND] [-- FLAGS]
 *
 * `COMMAND` starts the real server on a hidden socket and port, and has the placeholders `%data%`, `%socket%` and `%port%`; left
 * out it is this version's own. What stands behind `--` is added to it. Where the environment names a server that is shared,
 * that one is used instead, unless something asks for one of its own: `--server`, settings, flags, or a flaw of its start or
 * end. Only what the flaws are about goes through here: the rest is the real server's, unless it is shared. What the server
 * and its workers say to each other goes through here where `FLAGS` have the workers' program, by `--quickjs-worker`.
 */
import { spawn } from "node:child_process"
import { rmSync } from "node:fs"
import { connect } from "node:net"
import { parseArgs } from "node:util"
import { freePort } from "../../server/target/ServerProcess.ts"
import { functionsOf, saysReadyOnce } from "../hosts/flaws.ts"
import { HostProxy } from "../hosts/HostProxy.ts"
import { writeRelay } from "../hosts/relayProgram.ts"
import type { Flaw, Place } from "./Flaw.ts"
import { flaws as known } from "./flaws.ts"
import { HttpProxy } from "./HttpProxy.ts"
import { HOST_FLAGS, REAL_SERVER, SHARED, SHARED_BY_HOSTS } from "./real.ts"
import { SocketProxy } from "./SocketProxy.ts"

const separator = process.argv.indexOf("--")
const end = separator === -1 ? process.argv.length : separator
const added = process.argv.slice(end + 1)
const text = { type: "string" } as const
const { positionals, values } = parseArgs({
  args: process.argv.slice(2, end),
  allowPositionals: true,
  options: { data: text, socket: text, port: text, server: text }
})

const fail = (words: string): never => {
  process.stderr.write(`broken server: ${words}\n`)
  process.exit(2)
}

const flaws: ReadonlyArray<Flaw> = positionals.map((name) => known[name] ?? fail(`there is no flaw ${name}`))
const { data = "", port = "", server, socket = "" } = values
if (data === "" || port === "" || socket === "") {
  fail("give --data, --socket and --port")
}

/** Without flaws everything goes through here: to see that this alone changes nothing. */
const has = (...names: ReadonlyArray<keyof Flaw>): boolean =>
  flaws.length === 0 || flaws.some((flaw) => names.some((name) => flaw[name] !== undefined))

const place: Place = { socket, port: Number(port), data }
const isSet = Object.keys(process.env).some((name) => name.startsWith("FUNCTIONS_"))
/** The workers' program, where it is one of the suite's. */
const workerAt = added.indexOf("--quickjs-worker") + 1
const worker = workerAt === 0 ? undefined : added[workerAt]
const isHost = worker !== undefined && has("host")
const shared = process.env[isHost ? SHARED_BY_HOSTS : SHARED]
const isAttached =
  shared !== undefined &&
  server === undefined &&
  added.join(" ") === (isHost ? `--quickjs-worker ${worker} ${HOST_FLAGS}` : "") &&
  !isSet &&
  !has("before", "started", "ended", "stopping", "own")
const [sharedPort = "", sharedPath = ""] = (shared ?? "").split(/:(.*)/s)

const SOCKET_FLAWS = [
  "connected",
  "chunk",
  "heard",
  "request",
  "broken",
  "torn",
  "answer",
  "keepsServing",
  "unbounded"
] as const
const HTTP_FLAWS = [
  "httpRequest",
  "httpBody",
  "httpDelay",
  "httpAnswer",
  "httpGarbage",
  "keepsServing"
] as const
const hidden: Place = isAttached
  ? { socket: sharedPath, port: Number(sharedPort), data }
  : {
      data,
      socket: has(...SOCKET_FLAWS, "stopping") ? `${socket}.real` : socket,
      port: has(...HTTP_FLAWS) ? await freePort() : place.port
    }

try {
  for (const { before } of flaws) before?.(place)
} catch (error) {
  fail(error instanceof Error ? error.message : String(error))
}

const [workersSocket, relay] = [`${socket}.workers`, `${socket}.relay`]
/** What makes the workers of a shared server this one's. */
const isSharing = isHost && isAttached
const hostFlaws = [...flaws.flatMap(({ host }) => host ?? []), ...(isSharing ? [saysReadyOnce()] : [])]
const hostProxy = isHost ? new HostProxy(worker, hostFlaws) : null
if (hostProxy !== null) {
  await hostProxy.listen(workersSocket)
  writeRelay(relay, workersSocket)
  added[workerAt] = relay
}
const httpFlaws = [...flaws, ...(isSharing ? [functionsOf(workersSocket)] : [])]

const socketProxy = hidden.socket === place.socket ? null : new SocketProxy(hidden.socket, flaws)
const httpProxy = hidden.port === place.port ? null : new HttpProxy(hidden.port, httpFlaws)

/** The socket at the server's place is this one's: it is left alone where another's is there. */
let isListening = false
/** It could not stand in for the server: its exit code, whatever that of the real one is. */
let failure = 0

const leave = (code: number): void => {
  hostProxy?.stop()
  rmSync(relay, { force: true })
  if (isListening) rmSync(place.socket, { force: true })
  for (const { ended } of flaws) ended?.(place)
  // what the real server said last may be on its way to a client
  setTimeout(
    () => process.exit(failure === 0 ? code : failure),
    socketProxy === null && httpProxy === null ? 0 : 50
  )
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/** Gives what passes on a signal. */
const startOwn = (): ((signal: NodeJS.Signals) => void) => {
  const command = (server ?? REAL_SERVER.replaceAll(/\{(data|socket|port)\}/g, "%$1%"))
    .replaceAll("%data%", () => quoted(data))
    .replaceAll("%socket%", () => quoted(hidden.socket))
    .replaceAll("%port%", () => String(hidden.port))
  const child = spawn("/bin/sh", ["-c", `exec ${[command, ...added.map(quoted)].join(" ")}`], {
    stdio: "inherit"
  })
  child.on("exit", (code) => leave(code ?? 1))
  return (signal) => void child.kill(signal)
}

const pass = isAttached ? () => leave(0) : startOwn()
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    socketProxy?.stop()
    httpProxy?.stop()
    pass(signal)
  })
}

const takes = (
  address: { readonly path: string } | { readonly port: number; readonly host: string }
): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(address)
    probe.once("connect", () => {
      resolve(true)
      probe.destroy()
    })
    probe.once("error", () => resolve(false))
  })

// clients find nobody until the real server is there
while (!(await takes({ path: hidden.socket })) || !(await takes({ port: hidden.port, host: "127.0.0.1" }))) {
  await new Promise((resolve) => setTimeout(resolve, 10))
}
for (const { started } of flaws) started?.(place)
try {
  await socketProxy?.listen(place.socket)
  isListening = socketProxy !== null
  await httpProxy?.listen(place.port)
} catch (error) {
  process.stderr.write(`broken server: ${error instanceof Error ? error.message : String(error)}\n`)
  // it leaves when what is behind it has ended
  failure = 1
  pass("SIGTERM")
}
