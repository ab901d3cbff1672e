/**
 * A worker that does what its bundle says: `export const script = (worker) => { … }`. It is given to a server in place of its
 * worker program, to see what the server sends, and what it does with a worker that breaks the protocol. It speaks on the
 * descriptor that `BUNBASE_PROTOCOL_FD` names, else on its stdin and stdout.
 */
import { appendFileSync, createReadStream, readFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import type { HostLine, ScriptedWorker } from "./ScriptedWorker.ts"
import { writeAll } from "./writeAll.ts"

const [boot = "", ...args] = process.argv.slice(2)
const descriptor = process.env["BUNBASE_PROTOCOL_FD"]
const input = descriptor === undefined ? 0 : Number(descriptor)
const output = descriptor === undefined ? 1 : Number(descriptor)

const write = (data: string | Uint8Array): void => {
  if (!writeAll(output, typeof data === "string" ? Buffer.from(data) : data)) process.exit(0)
}

let journal: string | null = null
const before: Array<string> = []
const record = (entry: object): void => {
  const line = `${JSON.stringify({ at: Date.now(), pid: process.pid, ...entry })}\n`
  if (journal === null) before.push(line)
  else appendFileSync(journal, line)
}

const handlers = new Map<string, (message: HostLine) => void>()
const send = (id: string, type: string, payload: object): void =>
  write(`${JSON.stringify({ id, type, payload })}\n`)

const worker: ScriptedWorker = {
  pid: process.pid,
  args,
  send,
  raw: write,
  log: (id, message) => send(id, "log", { level: "info", message }),
  ready: (
    payload = { protocol: "1.1", runtime: "quickjs-ng", features: ["load", "concurrency", "cancel", "ping"] }
  ) => send("", "ready", payload),
  respond: (id, text, status = 200) =>
    send(id, "response", { status, headers: {}, body: Buffer.from(text).toString("base64") }),
  on: (type, handler) => void handlers.set(type, handler),
  journal: (path) => {
    journal = path
    for (const line of before.splice(0)) appendFileSync(path, line)
  },
  note: (what) => record({ note: what }),
  exit: (code) => process.exit(code),
  count: (path) => {
    appendFileSync(path, "x")
    return readFileSync(path).length
  }
}

const load = async ({ payload }: HostLine): Promise<void> => {
  const path = String(payload["bundle_path"])
  try {
    const bundle = (await import(pathToFileURL(path).href)) as {
      readonly script?: (worker: ScriptedWorker) => unknown
    }
    const answer = await bundle.script?.(worker)
    if (answer !== "silent") worker.ready()
  } catch (error) {
    send("", "error", { message: String(error), code: "BUNDLE_LOAD_ERROR" })
  }
}

const defaults: Readonly<Record<string, (message: HostLine) => void>> = {
  load: (message) => void load(message),
  invoke: ({ id }) => worker.respond(id, "scripted"),
  ping: ({ id }) => send(id, "pong", {}),
  shutdown: () => process.exit(0)
}

const take = (line: string): void => {
  let message: HostLine
  try {
    message = JSON.parse(line) as HostLine
  } catch {
    record({ torn: line })
    return
  }
  record({ message })
  const handler = handlers.get(message.type) ?? defaults[message.type]
  handler?.(message)
}

if (boot !== "") write(`${boot}\n`)
else worker.ready()
const decoder = new TextDecoder()
let rest = ""
const stream = createReadStream("", { fd: input })
stream.on("data", (chunk) => {
  const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split("\n")
  rest = lines.pop() ?? ""
  for (const line of lines) take(line)
})
stream.on("end", () => process.exit(0))
stream.on("error", () => process.exit(0))
