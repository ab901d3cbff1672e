/**
 * What a broken host's server starts in place of a worker: `relay.ts SOCKET ARGS…`. It hands what the server says to the
 * broken host at `SOCKET`, which has the worker, and the other way; and it ends as the worker does. On a server that broken
 * hosts share `SOCKET` is `-`: it says by itself that it can load a bundle, and the function that it is then to load says
 * by a variable of its environment whose it is.
 */
import { createReadStream, writeSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { encodeFrame, FrameReader } from "../../server/client/Frames.ts"
import { writeAll } from "../../server/scripted/writeAll.ts"
import { type Ended, FromHost, HOST_VARIABLE, ToHost, type WorkerStart } from "./frames.ts"
import { messageOf } from "./HostFlaw.ts"

const [given = "-", ...args] = process.argv.slice(2)
const descriptor = process.env["BUNBASE_PROTOCOL_FD"]
const input = descriptor === undefined ? 0 : Number(descriptor)
const output = descriptor === undefined ? 1 : Number(descriptor)

const SIGNALS = ["SIGTERM", "SIGINT"] as const
const BOOTED = {
  id: "",
  type: "ready",
  payload: { protocol: "1.1", runtime: "quickjs-ng", features: ["load"] }
}

const end = (ended: Ended): void => {
  if (ended.signal === null) process.exit(ended.code ?? 1)
  for (const name of SIGNALS) process.removeAllListeners(name)
  process.kill(process.pid, ended.signal)
}

const hear = (code: number, payload: Uint8Array): void => {
  if (code === ToHost.ended) end(JSON.parse(Buffer.from(payload).toString()) as Ended)
  else if (code !== ToHost.bytes) writeSync(code === ToHost.stderr ? 2 : 1, payload)
  else if (!writeAll(output, payload)) process.exit(0)
}

let host: Socket | null = null
const send = (code: number, payload: Uint8Array | string = ""): void =>
  void host?.write(encodeFrame({ id: 0n, code, payload }))

const open = (path: string): void => {
  host = connect(path)
  const reader = new FrameReader()
  host.on("data", (chunk: Buffer) => {
    for (const { code, payload } of reader.push(chunk)) hear(code, payload)
  })
  host.on("error", () => process.exit(1))
  host.on("close", () => process.exit(1))
  const environment = Object.fromEntries(Object.entries(process.env)) as Record<string, string>
  const start: WorkerStart = { args, environment, folder: process.cwd() }
  send(FromHost.start, JSON.stringify(start))
  for (const name of SIGNALS) process.on(name, () => send(FromHost.signal, name))
}

/** What the server has said while nobody knew whose worker this is. */
let early = Buffer.alloc(0)
const findHost = (): void => {
  const newline = early.indexOf(10)
  if (newline === -1) return
  const environment = messageOf(early.subarray(0, newline))?.payload["env"] as Record<string, string>
  const path = environment[HOST_VARIABLE]
  if (path === undefined) process.exit(1)
  open(path)
  send(FromHost.bytes, early)
}

if (given !== "-") open(given)
else hear(ToHost.bytes, Buffer.from(`${JSON.stringify(BOOTED)}\n`))
const said = createReadStream("", { fd: input })
said.on("data", (chunk) => {
  if (host !== null) return send(FromHost.bytes, chunk)
  early = Buffer.concat([early, Buffer.from(chunk)])
  findHost()
})
said.on("end", () => (host === null ? process.exit(0) : send(FromHost.end)))
said.on("error", () => process.exit(0))
