import { connect as connectTcp, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { CaseFailure } from "../../model/Case.ts"
import type { Transcript } from "../../model/Transcript.ts"
import { type HttpResponse, parseResponse } from "./HttpResponse.ts"

export interface HttpRequest {
  readonly method?: string
  /** As it stands in the request line. */
  readonly target: string
  /** As they are sent, in order; `Host` and `Content-Length` are added where they are not there. */
  readonly headers?: ReadonlyArray<readonly [string, string]> | Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

const listOf = (headers: HttpRequest["headers"]): ReadonlyArray<readonly [string, string]> =>
  headers === undefined ? [] : Array.isArray(headers) ? headers : Object.entries(headers)

/** A request's bytes. Text is sent as Latin-1, a body that is text as UTF-8. */
export const encodeRequest = (request: HttpRequest, authority: string): Buffer => {
  const { body, method = "GET", target } = request
  const bytes = body === undefined ? null : Buffer.from(body)
  const given = listOf(request.headers)
  const has = (name: string) => given.some(([key]) => key.toLowerCase() === name)
  const headers = [
    ...(has("host") ? [] : [["Host", authority] as const]),
    ...given,
    ...(bytes === null || has("content-length") || has("transfer-encoding")
      ? []
      : [["Content-Length", String(bytes.length)] as const])
  ]
  const head = `${method} ${target} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`
  return Buffer.concat([Buffer.from(head, "latin1"), bytes ?? Buffer.alloc(0)])
}

/** A TCP connection on which HTTP is spoken by hand. Everything that it waits for ends with the case's signal. */
export class HttpConnection {
  readonly #socket: Socket
  readonly #transcript: Transcript
  readonly #signal: AbortSignal
  #chunks: Array<Buffer> = []
  #ended = false
  #waiting: Array<() => void> = []

  private constructor(socket: Socket, signal: AbortSignal, transcript: Transcript) {
    this.#socket = socket
    this.#signal = signal
    this.#transcript = transcript
    const end = () => {
      this.#ended = true
      this.#wake()
    }
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#wake()
    })
    // a reset is an end like any other; `close` follows
    socket.on("error", () => {})
    socket.on("end", end)
    socket.on("close", end)
    signal.addEventListener("abort", () => socket.destroy(), { once: true })
  }

  /** Rejects with the system's error where nobody listens. */
  static async open(base: URL, signal: AbortSignal, transcript: Transcript): Promise<HttpConnection> {
    signal.throwIfAborted()
    const host = base.hostname.replace(/^\[(.*)\]$/, "$1")
    const isTls = base.protocol === "https:"
    const port = Number(base.port === "" ? (isTls ? 443 : 80) : base.port)
    const socket = isTls
      ? connectTls({ host, port, servername: host })
      : connectTcp({ host, port, allowHalfOpen: true })
    await new Promise<void>((resolve, reject) => {
      socket.once(isTls ? "secureConnect" : "connect", resolve)
      socket.once("error", reject)
      socket.once("close", () => reject(new CaseFailure("the connection was closed before it was there")))
      signal.addEventListener("abort", () => socket.destroy(), { once: true })
    })
    return new HttpConnection(socket, signal, transcript)
  }

  get isEnded(): boolean {
    return this.#ended
  }

  /** Text is sent as Latin-1. Resolves when the kernel has taken it. */
  send(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data
    this.#transcript.add("suite", `http: ${Buffer.from(bytes.subarray(0, 1000)).toString("latin1")}`)
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()))
  }

  /** The next final response; null where the server closed without one. */
  async response(method = "GET"): Promise<HttpResponse | null> {
    for (;;) {
      const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
      this.#chunks = bytes.length === 0 ? [] : [bytes]
      if (bytes.length >= 5 && bytes.subarray(0, 5).toString("latin1") !== "HTTP/") {
        throw new CaseFailure("the server answered something that is not HTTP", {
          observed: bytes.subarray(0, 200).toString("latin1")
        })
      }
      const read = parseResponse(bytes, method, this.#ended)
      if (read !== null) {
        const rest = bytes.subarray(read.length)
        this.#chunks = rest.length === 0 ? [] : [rest]
        const { body, headers, status } = read.response
        const lines = headers.map(([name, value]) => `${name}: ${value}`).join("; ")
        this.#transcript.add("target", `http: ${status} ${lines}\n${body.subarray(0, 1500).toString()}`)
        return read.response
      }
      if (this.#ended) {
        this.#signal.throwIfAborted()
        this.#transcript.add("note", "http: the server closed the connection")
        return null
      }
      await this.#more()
    }
  }

  /** Resolves when the server has ended its side. What it says until then is dropped. */
  async ended(): Promise<void> {
    while (!this.#ended) await this.#more()
    this.#signal.throwIfAborted()
  }

  /** Resolves when the first bytes, or the end, are there. */
  async anything(): Promise<Buffer> {
    while (!this.#ended && this.#chunks.length === 0) await this.#more()
    this.#signal.throwIfAborted()
    return Buffer.concat(this.#chunks)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** No further bytes from this side. */
  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** One request on a connection of its own. */
export const exchange = async (
  base: URL,
  request: HttpRequest,
  signal: AbortSignal,
  transcript: Transcript
): Promise<HttpResponse> => {
  const connection = await HttpConnection.open(base, signal, transcript)
  try {
    void connection.send(encodeRequest(request, base.host))
    const response = await connection.response(request.method)
    if (response !== null) return response
    throw new CaseFailure(
      `the server closed the connection without an answer to ${request.method ?? "GET"} ${request.target.slice(0, 200)}`
    )
  } finally {
    connection.destroy()
  }
}
