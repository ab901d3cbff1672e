import { connect, createServer, type Server, type Socket } from "node:net"
import { parseResponse } from "../../server/client/HttpResponse.ts"
import { type Flaw, type HttpAnswer, type HttpHead, valueOf, withHeaders } from "./Flaw.ts"

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

/** A body that has changed, or came in chunks, gets its length; else the flaw has the say in it. */
const encoded = ({ body, headers, status }: HttpAnswer, before: HttpAnswer, request: HttpHead): Buffer => {
  const isChunked = valueOf(before.headers, "transfer-encoding") !== undefined
  const hasNewLength = (body !== before.body || isChunked) && !isBodiless(status, request)
  const list = hasNewLength
    ? withHeaders(headers, { "content-length": String(body.length), "transfer-encoding": null })
    : headers
  const head = textOf({ line: `HTTP/1.1 ${status} Status`, headers: list })
  return Buffer.concat([Buffer.from(head, "latin1"), body])
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
    const rewrites = this.#flaws.some(({ httpAnswer, httpDelay }) => httpAnswer ?? httpDelay)
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
      const whole = headOf(fromClient.subarray(0, end).toString("latin1"))
      const body = this.#bodyOf(whole, fromClient.subarray(end + 4))
      if (body === null) return
      head = whole
      const before = body.headers === head.headers ? head : { ...head, headers: body.headers }
      let sent = before
      for (const { httpRequest } of this.#flaws) sent = httpRequest?.(sent) ?? sent
      // a head that nobody has changed is passed on as it came, whatever is wrong with it
      if (sent === head) server.write(fromClient)
      else server.write(Buffer.concat([Buffer.from(textOf(sent), "latin1"), body.bytes]))
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
      if (sent === null) {
        client.destroy()
        return
      }
      const bytes = encoded(sent, before, request)
      const delay = Math.max(0, ...this.#flaws.map(({ httpDelay }) => httpDelay?.(before) ?? 0))
      if (delay === 0) client.write(bytes)
      else setTimeout(() => client.write(bytes), delay)
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
    const keepsServing = this.#flaws.some((one) => one.keepsServing === true)
    client.on("end", () => void (keepsServing || server.end()))
    client.on("close", () => {
      this.#open.delete(client)
      if (!keepsServing) server.destroy()
    })
    server.on("close", () => client.end())
    for (const socket of [client, server]) socket.on("error", () => {})
  }

  /** What the server gets as a body; null while it is to be changed and not whole. */
  #bodyOf(
    head: HttpHead,
    bytes: Buffer
  ): { readonly bytes: Buffer; readonly headers: HttpHead["headers"] } | null {
    const { headers } = head
    const length = Number(valueOf(headers, "content-length") ?? Number.NaN)
    const changes = this.#flaws.flatMap(({ httpBody }) => httpBody ?? [])
    if (changes.length === 0 || Number.isNaN(length)) return { bytes, headers }
    if (bytes.length < length) return null
    let body = bytes.subarray(0, length)
    for (const change of changes) body = change(body, head)
    return { bytes: body, headers: withHeaders(headers, { "content-length": String(body.length) }) }
  }

  #garbage(): void {
    const closeAll = () => {
      for (const socket of this.#open) socket.destroy()
    }
    for (const { httpGarbage } of this.#flaws) httpGarbage?.(closeAll)
  }
}
