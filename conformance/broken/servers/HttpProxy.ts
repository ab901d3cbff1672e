import { connect, createServer, type Server, type Socket } from "node:net"
import { parseResponse } from "../../server/client/HttpResponse.ts"
import type { Flaw, HttpAnswer, HttpHead } from "./Flaw.ts"

const CRLF = "\r\n"

const headOf = (text: string): HttpHead => {
  const [line = "", ...lines] = text.split(CRLF)
  const headers = lines.map((one) => {
    const colon = one.indexOf(":")
    return [one.slice(0, colon), one.slice(colon + 1).trim()] as const
  })
  return { line, headers }
}

const textOf = ({ headers, line }: HttpHead): string =>
  `${line}${CRLF}${headers.map(([name, value]) => `${name}: ${value}${CRLF}`).join("")}${CRLF}`

const isBodiless = (status: number, request: HttpHead): boolean =>
  request.line.startsWith("HEAD ") || status === 204 || status === 304

/** The length is right where the flaw has not said another, which is for it to get wrong. */
const encoded = ({ body, headers, status }: HttpAnswer, before: HttpAnswer, request: HttpHead): Buffer => {
  const changed = body !== before.body && !isBodiless(status, request)
  const list = changed
    ? [
        ...headers.filter(([name]) => name.toLowerCase() !== "content-length"),
        ["Content-Length", String(body.length)] as const
      ]
    : headers
  return Buffer.concat([
    Buffer.from(textOf({ line: `HTTP/1.1 ${status} Status`, headers: list }), "latin1"),
    body
  ])
}

/** Stands between clients and the real server's port, with these flaws. */
export class HttpProxy {
  readonly #flaws: ReadonlyArray<Flaw>
  readonly #hidden: number
  readonly #server: Server
  readonly #open = new Set<Socket>()

  constructor(hidden: number, flaws: ReadonlyArray<Flaw>) {
    this.#hidden = hidden
    this.#flaws = flaws
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#take(socket))
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen(port, "127.0.0.1", resolve)
    })
  }

  stop(): void {
    this.#server.close()
  }

  #take(client: Socket): void {
    const server = connect({ host: "127.0.0.1", port: this.#hidden, allowHalfOpen: true })
    const rewrites = this.#flaws.some(({ httpAnswer }) => httpAnswer !== undefined)
    let head: HttpHead | null = null
    let fromClient: Buffer = Buffer.alloc(0)
    let fromServer: Buffer = Buffer.alloc(0)
    this.#open.add(client)
    client.on("data", (chunk: Buffer) => {
      if (head !== null) {
        server.write(chunk)
        return
      }
      fromClient = Buffer.concat([fromClient, chunk])
      if (fromClient.length > 0 && !/^[A-Z-]+( |$)/.test(fromClient.subarray(0, 12).toString("latin1")))
        this.#garbage()
      const end = fromClient.indexOf(CRLF + CRLF)
      if (end === -1) return
      head = headOf(fromClient.subarray(0, end).toString("latin1"))
      let sent = head
      for (const { httpRequest } of this.#flaws) sent = httpRequest?.(sent) ?? sent
      server.write(Buffer.concat([Buffer.from(textOf(sent), "latin1"), fromClient.subarray(end + 4)]))
      fromClient = Buffer.alloc(0)
    })
    const answer = (isEnd: boolean): void => {
      const request = head ?? { line: "", headers: [] }
      const read = parseResponse(fromServer, request.line.split(" ")[0] ?? "", isEnd)
      if (read === null) return
      fromServer = fromServer.subarray(read.length)
      head = null
      const before: HttpAnswer = read.response
      let sent: HttpAnswer | null = { status: before.status, headers: before.headers, body: before.body }
      for (const { httpAnswer } of this.#flaws) {
        if (sent !== null && httpAnswer !== undefined) sent = httpAnswer(sent, request)
      }
      if (sent === null) client.destroy()
      else client.write(encoded(sent, before, request))
    }
    server.on("data", (chunk: Buffer) => {
      if (!rewrites) {
        client.write(chunk)
        return
      }
      fromServer = Buffer.concat([fromServer, chunk])
      answer(false)
    })
    server.on("end", () => {
      if (fromServer.length > 0) answer(true)
      client.end()
    })
    client.on("end", () => server.end())
    client.on("close", () => {
      this.#open.delete(client)
      server.destroy()
    })
    server.on("close", () => client.end())
    for (const socket of [client, server]) socket.on("error", () => {})
  }

  #garbage(): void {
    const closeAll = () => {
      for (const socket of this.#open) socket.destroy()
    }
    for (const { httpGarbage } of this.#flaws) httpGarbage?.(closeAll)
  }
}
