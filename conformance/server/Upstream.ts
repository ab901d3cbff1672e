import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import type { Bench } from "./Bench.ts"
import { until } from "./Door.ts"

/** A request that reached an upstream. */
export interface Reached {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** As they came, by lower-case name; several values are joined. */
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  /** Bytes of its body; counted when it is whole. */
  bytes: number
}

interface Held {
  readonly gate: string
  readonly answer: () => void
  isClosed: boolean
}

/**
 * A server on loopback that functions fetch from: it says who came, holds back answers until it is told to, redirects, and
 * answers with bodies of any length. What it does is named by the path:
 *
 * - `/hold/GATE`: answers when the gate is opened;
 * - `/to?status=302&url=URL`: redirects;
 * - `/hops/N`: redirects N times, then answers;
 * - `/bytes?n=N`: so many bytes, `&chunked` without a length, `&gzip` compressed;
 * - anything else: `reached`.
 */
export class Upstream {
  readonly #server: Server
  readonly #signal: AbortSignal
  readonly #held: Array<Held> = []
  readonly #open = new Set<string>()
  readonly reached: Array<Reached> = []
  /** TCP connections so far. */
  connections = 0
  /** Requests to `/hold` that wait at the same time, at most. */
  most = 0

  private constructor(signal: AbortSignal) {
    this.#signal = signal
    this.#server = createServer((request, response) => this.#answer(request, response))
    this.#server.on("connection", () => (this.connections += 1))
  }

  /** Listens on a free port; it ends with the case. */
  static async start(bench: Bench): Promise<Upstream> {
    const upstream = new Upstream(bench.signal)
    await new Promise<void>((resolve, reject) => {
      upstream.#server.once("error", reject)
      upstream.#server.listen(0, "127.0.0.1", resolve)
    })
    bench.after(() => {
      upstream.#server.closeAllConnections()
      upstream.#server.close()
    })
    return upstream
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  url(path = "/", host = "127.0.0.1"): string {
    return `http://${host}:${this.port}${path}`
  }

  /** Requests that wait at a gate, or at any, and whose clients are there. */
  waiting(gate?: string): number {
    return this.#held.filter((one) => !one.isClosed && (gate === undefined || one.gate === gate)).length
  }

  /** Requests at a gate whose clients went away. */
  left(gate: string): number {
    return this.#held.filter((one) => one.isClosed && one.gate === gate).length
  }

  /** Resolves once so many wait at the gate. */
  async untilWaiting(gate: string, count = 1, limitMs = 10_000): Promise<void> {
    const enough = () => (this.waiting(gate) >= count ? true : null)
    await until(`${count} requests wait at the gate ${gate}`, enough, this.#signal, limitMs)
  }

  /** Answers whoever waits at the gate, and at once whoever comes later. */
  open(gate: string): void {
    this.#open.add(gate)
    this.#let(({ gate: its }) => its === gate)
  }

  /** Answers those that wait at the gate now. */
  release(gate: string): void {
    this.#let(({ gate: its }) => its === gate)
  }

  #let(chosen: (held: Held) => boolean): void {
    for (const held of this.#held.filter(chosen)) {
      this.#held.splice(this.#held.indexOf(held), 1)
      held.answer()
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { headers, method = "", url: target = "" } = request
    const seen: Reached = { method, target, headers, bytes: 0 }
    this.reached.push(seen)
    request.on("data", (chunk: Buffer) => (seen.bytes += chunk.length))
    request.on("error", () => {})
    response.on("error", () => {})
    const { pathname, searchParams } = new URL(target, "http://upstream")
    const [, action = "", argument = ""] = pathname.split("/")
    if (action === "hold") this.#hold(argument, response)
    else if (action === "to") {
      const status = Number(searchParams.get("status") ?? 302)
      response.writeHead(status, { location: searchParams.get("url") ?? "/" }).end()
    } else if (action === "hops" && Number(argument) > 0) {
      response.writeHead(302, { location: `/hops/${Number(argument) - 1}` }).end()
    } else if (action === "bytes") {
      const plain = Buffer.alloc(Number(searchParams.get("n")), "x")
      const isZipped = searchParams.has("gzip")
      const body = isZipped ? gzipSync(plain) : plain
      if (isZipped) response.setHeader("content-encoding", "gzip")
      if (!searchParams.has("chunked")) response.setHeader("content-length", body.length)
      // without a length a head that is sent by itself makes it chunked
      response.flushHeaders()
      response.end(body)
    } else {
      // the answer follows the body: who counts its bytes has them all
      request.on("end", () => response.end("reached"))
      request.resume()
    }
  }

  #hold(gate: string, response: ServerResponse): void {
    if (this.#open.has(gate)) {
      response.end("open")
      return
    }
    const held: Held = { gate, answer: () => response.end("open"), isClosed: false }
    response.on("close", () => (held.isClosed = true))
    this.#held.push(held)
    this.most = Math.max(this.most, this.waiting())
  }
}
