import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm, writeFile, chmod } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { HOST_VARIABLE } from "./frames.ts"
import type { HostFlaw, Message } from "./HostFlaw.ts"
import { HostProxy } from "./HostProxy.ts"
import { writeRelay } from "./relayProgram.ts"

/** A worker that says ready, answers each line by one, and does what some of them say. */
const WORKER = `
  const protocol = process.env.BUNBASE_PROTOCOL_FD
  const { createReadStream, writeSync } = require("node:fs")
  const output = protocol === undefined ? 1 : Number(protocol)
  const say = (type, payload = {}, id = "") => writeSync(output, JSON.stringify({ id, type, payload }) + "\\n")
  say("ready", { args: process.argv.slice(2), own: process.env.OWN ?? null, folder: process.cwd() })
  let rest = ""
  const decoder = new TextDecoder()
  const input = createReadStream("", { fd: protocol === undefined ? 0 : Number(protocol) })
  input.on("data", (chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\\n")
    rest = lines.pop()
    for (const line of lines) {
      const { id, payload, type } = JSON.parse(line)
      if (type === "exit") process.exit(payload.code)
      if (type === "kill") process.kill(process.pid, payload.signal)
      if (type === "note") process.stderr.write(payload.text)
      say("response", { said: type, payload }, id)
    }
  })
  input.on("end", () => process.exit(0))
`

/** What a server does with the program that it takes for a worker. */
class Relay {
  readonly child: ChildProcess
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
  readonly #channel: { readonly input: NodeJS.WritableStream; readonly output: NodeJS.ReadableStream }
  readonly #lines: Array<Message> = []
  #rest = ""
  #waiting: Array<() => void> = []
  notes = ""

  constructor(program: string, transport: "descriptor" | "stdio", folder: string) {
    const env = { PATH: process.env["PATH"] ?? "", OWN: "mine" }
    const [first, more] =
      transport === "stdio" ? (["pipe", []] as const) : (["ignore", ["pipe" as const]] as const)
    this.child = spawn(program, ["--more", "words"], {
      cwd: folder,
      env: transport === "stdio" ? env : { ...env, BUNBASE_PROTOCOL_FD: "3" },
      stdio: [first, "pipe", "pipe", ...more]
    })
    const { promise, resolve } = Promise.withResolvers<Awaited<Relay["ended"]>>()
    this.ended = promise
    this.child.on("close", (code, signal) => resolve({ code, signal }))
    const both = this.child.stdio[3] as Duplex
    const { stdin, stdout } = this.child
    if (stdin !== null && stdout !== null) this.#channel = { input: stdin, output: stdout }
    else this.#channel = { input: both, output: both }
    this.#channel.input.on("error", () => {})
    const decoder = new TextDecoder()
    this.#channel.output.on("data", (chunk: Buffer) => this.#hear(decoder.decode(chunk, { stream: true })))
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.notes += chunk.toString()
      this.#wake()
    })
  }

  say(type: string, payload: Message["payload"] = {}, id = ""): void {
    this.#channel.input.write(`${JSON.stringify({ id, type, payload })}\n`)
  }

  close(): void {
    this.#channel.input.end()
  }

  async next(): Promise<Message> {
    for (;;) {
      const line = this.#lines.shift()
      if (line !== undefined) return line
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  async noted(text: string): Promise<void> {
    while (!this.notes.includes(text)) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #hear(text: string): void {
    const lines = (this.#rest + text).split("\n")
    this.#rest = lines.pop() ?? ""
    this.#lines.push(...lines.map((line) => JSON.parse(line) as Message))
    this.#wake()
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

let folder = ""
let ends: Array<() => void> = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hosts-"))
  ends = []
})
afterEach(async () => {
  for (const end of ends) end()
  await rm(folder, { recursive: true, force: true })
})

const proxy = async (flaws: ReadonlyArray<HostFlaw>): Promise<void> => {
  const [source, program] = [join(folder, "worker.js"), join(folder, "worker")]
  await writeFile(source, WORKER)
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${source}' "$@"\n`)
  await chmod(program, 0o755)
  const made = new HostProxy(program, flaws)
  await made.listen(join(folder, "s"))
  ends.push(() => made.stop())
}

const start = (
  transport: "descriptor" | "stdio" = "descriptor",
  socket: string | null = join(folder, "s")
): Relay => {
  const program = join(folder, "relay")
  writeRelay(program, socket)
  const relay = new Relay(program, transport, folder)
  ends.push(() => relay.child.kill("SIGKILL"))
  return relay
}

describe("a broken host without flaws", () => {
  it.each(["descriptor", "stdio"] as const)("changes nothing for a worker on its %s", async (transport) => {
    await proxy([])
    const relay = start(transport)
    const payload = { args: ["--more", "words"], own: "mine", folder }
    expect(await relay.next()).toEqual({ id: "", type: "ready", payload })
    const text = "ü".repeat(200_000)
    relay.say("echo", { text }, "i-1")
    expect(await relay.next()).toEqual({
      id: "i-1",
      type: "response",
      payload: { said: "echo", payload: { text } }
    })
    relay.say("note", { text: "words on stderr" })
    await relay.noted("words on stderr")
    relay.close()
    expect(await relay.ended).toEqual({ code: 0, signal: null })
  })

  it("ends as the worker does", async () => {
    await proxy([])
    const [one, two] = [start(), start()]
    one.say("exit", { code: 12 })
    two.say("kill", { signal: "SIGKILL" })
    expect(await one.ended).toEqual({ code: 12, signal: null })
    expect(await two.ended).toEqual({ code: null, signal: "SIGKILL" })
  })

  it("hands on signals", async () => {
    await proxy([])
    const relay = start()
    await relay.next()
    relay.child.kill("SIGTERM")
    expect(await relay.ended).toEqual({ code: null, signal: "SIGTERM" })
  })
})

describe("a broken host", () => {
  it("changes what is said both ways, and what is in flight is known by what the host has sent and heard", async () => {
    const inFlight: Array<ReadonlyArray<string>> = []
    const renames: HostFlaw = {
      said: (message) => [{ ...message, id: message.id.toUpperCase() }],
      heard: (line, wire) => {
        inFlight.push([...wire.inFlight.keys()])
        return line.message?.type === "response"
          ? [{ ...line.message, id: line.message.id.toLowerCase() }]
          : []
      }
    }
    await proxy([renames])
    const relay = start()
    relay.say("invoke", {}, "a")
    expect(await relay.next()).toMatchObject({ id: "a", type: "response" })
    relay.say("invoke", {}, "b")
    expect(await relay.next()).toMatchObject({ id: "b", type: "response" })
    expect(inFlight.slice(1)).toEqual([["a"], ["b"]])
  })

  it("ends a worker, for which its host sees a crash", async () => {
    await proxy([
      {
        heard: (line, wire) => {
          if (line.message?.type === "response") wire.discard()
          return [line]
        }
      }
    ])
    const relay = start()
    await relay.next()
    relay.say("echo")
    expect(await relay.ended).toEqual({ code: 1, signal: null })
  })

  it("is found by a function's environment where its server is shared", async () => {
    await proxy([])
    const relay = start("descriptor", null)
    expect(await relay.next()).toMatchObject({ type: "ready", payload: { features: ["load"] } })
    relay.say("load", { env: { [HOST_VARIABLE]: join(folder, "s") } })
    expect(await relay.next()).toMatchObject({ type: "ready", payload: { own: "mine" } })
    expect(await relay.next()).toMatchObject({ type: "response", payload: { said: "load" } })
  })
})
