import { mkdtempSync, rmSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { nativeProgram, needNativeProgram } from "./NativeProgram.ts"

export interface Message {
  readonly id: string
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** One end of a conversation in lines: what came is kept until somebody asks for it. */
class Lines {
  readonly #held: Array<Message> = []
  readonly #waiting: Array<(message: Message | null) => void> = []
  #rest = ""
  #over = false

  push(text: string): void {
    this.#rest += text
    const lines = this.#rest.split("\n")
    this.#rest = lines.pop() as string
    for (const line of lines) {
      const message = JSON.parse(line) as Message
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#held.push(message)
      else waiting(message)
    }
  }

  end(): void {
    this.#over = true
    for (const waiting of this.#waiting.splice(0)) waiting(null)
  }

  /** The next message; null once the other side has closed. */
  next(): Promise<Message | null> {
    const held = this.#held.shift()
    if (held !== undefined || this.#over) return Promise.resolve(held ?? null)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

/** A connection to a fork server, which is a worker. */
export class ForkedWorker {
  readonly #socket: Socket
  readonly #lines: Lines
  pid = 0

  private constructor(socket: Socket, lines: Lines) {
    this.#socket = socket
    this.#lines = lines
  }

  /** Connects, and does not wait for `ready`. */
  static async connect(path: string): Promise<ForkedWorker> {
    const lines = new Lines()
    const socket = connect(path)
    onTestFinished(() => {
      socket.destroy()
    })
    socket.setEncoding("utf8")
    socket.on("data", (text: string) => lines.push(text))
    socket.on("error", () => lines.end())
    socket.on("close", () => lines.end())
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve())
      socket.once("error", reject)
    })
    return new ForkedWorker(socket, lines)
  }

  /** Connects, and waits for `ready`. */
  static async ready(path: string): Promise<ForkedWorker> {
    const worker = await ForkedWorker.connect(path)
    const ready = await worker.next()
    if (ready?.type !== "ready") throw new Error(`the worker said ${JSON.stringify(ready)}`)
    worker.pid = ready.payload["pid"] as number
    return worker
  }

  send(type: string, payload: object = {}, id = ""): void {
    this.#socket.write(`${JSON.stringify({ id, type, payload })}\n`)
  }

  next(): Promise<Message | null> {
    return this.#lines.next()
  }

  /** Reads nothing more, until `resume`. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Reads on a piece at a time, each in a turn of the event loop of its own. */
  readSlowly(): void {
    this.#socket.on("data", () => {
      this.#socket.pause()
      setImmediate(() => this.#socket.resume())
    })
    this.#socket.resume()
  }

  /** Loads a bundle and gives what was said to it. */
  load(bundle: string, more: object = {}): Promise<Message | null> {
    this.send("load", { bundle_path: bundle, handler: "", env: {}, ...more })
    return this.next()
  }

  /** Invokes it; the body of the response. */
  async text(path = "/"): Promise<string> {
    this.send("invoke", { method: "GET", path, url: path, headers: {}, query: {}, body: "" }, "i")
    const answer = await this.next()
    if (answer?.type !== "response") throw new Error(`the worker said ${JSON.stringify(answer)}`)
    return Buffer.from(answer.payload["body"] as string, "base64").toString()
  }

  close(): void {
    this.#socket.end()
  }
}

/** A real fork server, with the host's end of its control channel. It ends with the test. */
export class ForkServer {
  readonly path: string
  readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">
  readonly #lines = new Lines()

  private constructor(path: string, child: Bun.Subprocess<"pipe", "pipe", "inherit">) {
    this.path = path
    this.child = child
    void this.#read()
  }

  /** `at`: where it listens; else in a folder of its own. */
  static async start(env: Readonly<Record<string, string>> = {}, at?: string): Promise<ForkServer> {
    needNativeProgram()
    const folder = mkdtempSync(join(tmpdir(), "bunbase-fork-"))
    const path = at ?? join(folder, "fork.sock")
    const child = Bun.spawn([nativeProgram, "--zygote", "--listen", path], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { PATH: "/usr/bin:/bin", BUNBASE_HOST_PID: String(process.pid), ...env }
    })
    const server = new ForkServer(path, child)
    onTestFinished(async () => {
      child.kill("SIGKILL")
      await child.exited
      rmSync(folder, { recursive: true, force: true })
    })
    const ready = await server.next()
    if (ready?.type !== "ready") throw new Error(`the fork server said ${JSON.stringify(ready)}`)
    return server
  }

  next(): Promise<Message | null> {
    return this.#lines.next()
  }

  send(type: string): void {
    this.child.stdin.write(`${JSON.stringify({ id: "", type, payload: {} })}\n`)
    void this.child.stdin.flush()
  }

  hangUp(): void {
    void this.child.stdin.end()
  }

  worker(): Promise<ForkedWorker> {
    return ForkedWorker.ready(this.path)
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of this.child.stdout) this.#lines.push(decoder.decode(chunk, { stream: true }))
    this.#lines.end()
  }
}
