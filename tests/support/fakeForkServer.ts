import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { GUEST_FLAGS } from "../../src/guest/bun/flags.ts"

/**
 * A fork server that does not fork: each connection gets a Bun guest in a process of its own, whose lines are passed on. To
 * its host it looks like the real one. `FAKE_MODE_FILE` names a file that says how it behaves, looked at again each time:
 * - `well`;
 * - `refuses`: closes connections with `fork_failed`, EAGAIN;
 * - `silent`: takes connections and says nothing;
 * - `dumb`: says `ready` without being able to fork; `exits`: ends with code 3 at once (both as it starts).
 *
 * Without `--zygote` it is a worker itself.
 */
const mode = (): string => readFileSync(process.env["FAKE_MODE_FILE"] as string, "utf8").trim()

const own = fileURLToPath(import.meta.url)
const guest = fileURLToPath(new URL("../../src/guest/bun/main.ts", import.meta.url))
const setpriv = Bun.which("setpriv", { PATH: "/usr/bin:/bin" })
const dying = setpriv === null ? [] : [setpriv, "--pdeathsig", "KILL", "--"]

type Send = (text: string) => void

/** Cuts bytes into lines. */
const lines = (line: (text: string) => void) => {
  let rest = ""
  const decoder = new TextDecoder()
  return (chunk: Uint8Array): void => {
    const all = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = all.pop() as string
    for (const text of all) line(text)
  }
}

/** A socket's end on which nothing is lost that does not fit at once. */
const sender = () => {
  let socket: Bun.Socket | null = null
  let pending = Buffer.alloc(0)
  const flush = (): void => {
    if (socket !== null && pending.length > 0) pending = pending.subarray(Math.max(0, socket.write(pending)))
  }
  return {
    attach: (to: Bun.Socket) => {
      socket = to
      flush()
    },
    flush,
    send: (text: string) => {
      pending = Buffer.concat([pending, Buffer.from(text)])
      flush()
    },
    end: () => socket?.end()
  }
}

interface Connection {
  readonly received: (chunk: Uint8Array) => void
  readonly drained: () => void
  readonly closed: () => void
}

const startChild = (connection: Bun.Socket, zygote: { listen: string; load: string } | null, tell: Send) => {
  const toHost = sender()
  toHost.attach(connection)
  const toChild = sender()
  const child = Bun.spawn({
    cmd:
      zygote === null
        ? [...dying, process.execPath, ...GUEST_FLAGS, guest]
        : [...dying, process.execPath, own, "--zygote", "--listen", zygote.listen],
    env: {
      BUNBASE_PROTOCOL_FD: "3",
      BUNBASE_HOST_PID: String(process.pid),
      FAKE_MODE_FILE: process.env["FAKE_MODE_FILE"] as string,
      ...(zygote === null ? {} : { FAKE_LOAD: zygote.load })
    },
    detached: true,
    stdio: ["ignore", "inherit", "inherit", "socket-fd"]
  })
  let readies = 0
  const fromChild = lines((text) => {
    if (!text.includes('"type":"ready"')) return toHost.send(`${text}\n`)
    readies += 1
    // A worker that has its bundle loaded says so once.
    if (loaded !== undefined && zygote === null && readies === 1) return
    const message = JSON.parse(text) as { payload: object }
    const payload = { ...message.payload, runtime: "quickjs-ng", pid: child.pid }
    toHost.send(`${JSON.stringify({ ...message, payload })}\n`)
  })
  const options = {
    fd: child.stdio[3] as number,
    socket: {
      data: (_socket: Bun.Socket, chunk: Uint8Array) => fromChild(chunk),
      drain: () => toChild.flush()
    }
  }
  void Bun.connect(options as unknown as Bun.UnixSocketOptions).then((socket) => toChild.attach(socket))
  void child.exited.then(() => {
    tell(
      JSON.stringify({
        id: "",
        type: "exited",
        payload: { pid: child.pid, code: child.exitCode, signal: child.signalCode }
      })
    )
    connection.end()
  })
  return { toHost, toChild }
}

/** What workers of this fork server have loaded: the text of its `load` message. */
const loaded = process.env["FAKE_LOAD"]

const serve = (connection: Bun.Socket, tell: Send): Connection => {
  let child: ReturnType<typeof startChild> | null = null
  const now = mode()
  if (now === "refuses") {
    tell(JSON.stringify({ id: "", type: "fork_failed", payload: { errno: "EAGAIN" } }))
    connection.end()
  }
  if (now !== "well") return { received: () => {}, drained: () => {}, closed: () => {} }
  if (loaded !== undefined) {
    child = startChild(connection, null, tell)
    child.toChild.send(`${loaded}\n`)
  }
  const received = lines((text) => {
    if (child === null) {
      const { payload } = JSON.parse(text) as { payload: Record<string, unknown> }
      const { zygote, ...rest } = payload
      const load = JSON.stringify({ id: "", type: "load", payload: rest })
      child = startChild(connection, typeof zygote === "string" ? { listen: zygote, load } : null, tell)
      if (typeof zygote === "string") return
    }
    child.toChild.send(`${text}\n`)
  })
  return {
    received,
    drained: () => child?.toHost.flush(),
    closed: () => child?.toChild.end()
  }
}

const beZygote = async (path: string): Promise<void> => {
  if (mode() === "exits") process.exit(3)
  const control = sender()
  const tell: Send = (text) => control.send(`${text}\n`)
  const connections = new Map<Bun.Socket, Connection>()
  const heard = lines((text) => {
    if ((JSON.parse(text) as { type: string }).type === "shutdown") process.exit(0)
  })
  const options = {
    fd: 3,
    socket: {
      data: (_socket: Bun.Socket, chunk: Uint8Array) => heard(chunk),
      drain: () => control.flush(),
      close: () => process.exit(0)
    }
  }
  control.attach(await Bun.connect(options as unknown as Bun.UnixSocketOptions))
  Bun.listen({
    unix: path,
    socket: {
      open: (socket) => void connections.set(socket, serve(socket, tell)),
      data: (socket, chunk) => connections.get(socket)?.received(chunk),
      drain: (socket) => connections.get(socket)?.drained(),
      close: (socket) => {
        connections.get(socket)?.closed()
        connections.delete(socket)
      }
    }
  })
  const features = mode() === "dumb" ? ["load"] : ["fork"]
  tell(
    JSON.stringify({
      id: "",
      type: "ready",
      payload: { protocol: "1.1", runtime: "quickjs-ng", runtime_version: "fake", features }
    })
  )
}

const at = process.argv.indexOf("--listen")
if (at === -1) await import("../../src/guest/bun/main.ts")
else await beZygote(process.argv[at + 1] as string)
