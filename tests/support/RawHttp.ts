import { connect, type Socket } from "node:net"

/** An answer as it came over the wire: nothing merged, nothing decoded. Latin-1 text, so that a character is a byte. */
export interface RawResponse {
  readonly status: number
  /** In the order and with the names (in lower case) that were sent. */
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body: Buffer
  readonly header: (name: string) => string | undefined
  readonly all: (name: string) => ReadonlyArray<string>
}

/** A TCP connection on which a test says HTTP by hand. Every wait ends by an event: a whole answer, or the close. */
export class RawConnection {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #ended = false
  #waiting: Array<() => void> = []
  /** Fulfilled when the server has closed the connection (or the client has, by `destroy`). */
  readonly closed: Promise<void>

  private constructor(socket: Socket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()))
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    // A reset is an end like any other here; `close` follows.
    socket.on("error", () => {})
    socket.on("end", () => {
      this.#ended = true
      this.#wake()
    })
    socket.on("close", () => {
      this.#ended = true
      this.#wake()
    })
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, "127.0.0.1")
    const connection = new RawConnection(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve)
      socket.once("error", reject)
    })
    return connection
  }

  /** Text is sent as Latin-1. */
  write(data: string | Uint8Array): this {
    this.#socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data)
    return this
  }

  /** Sends and waits until the kernel has taken it: for more than should be held in memory here. */
  flush(data: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.write(data, () => resolve()))
  }

  /** The next whole answer, or null where the server closed without one. `head`: it answers a HEAD. */
  async response(head = false): Promise<RawResponse | null> {
    for (;;) {
      const parsed = parseResponse(this.#received, head, this.#ended)
      if (parsed !== null) {
        this.#received = this.#received.subarray(parsed.length)
        return parsed.response
      }
      if (this.#ended) return null
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Fulfilled when exactly this has come in, or the beginning of what has; fails when something else has. */
  async received(text: string): Promise<void> {
    while (this.#received.length < text.length && !this.#ended) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    const actual = this.#received.subarray(0, text.length).toString("latin1")
    if (actual !== text)
      throw new Error(`expected ${JSON.stringify(text)}, received ${JSON.stringify(actual)}`)
  }

  /** Reads nothing more until `resume`. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Gone without a goodbye. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** No further bytes from this side. */
  end(): void {
    this.#socket.end()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** Sends one request and gives its answer; the connection is closed. */
export const exchange = async (
  port: number,
  request: string | Uint8Array,
  head = false
): Promise<RawResponse> => {
  const connection = await RawConnection.open(port)
  try {
    const response = await connection.write(request).response(head)
    if (response === null) throw new Error("the server closed the connection without an answer")
    return response
  } finally {
    connection.destroy()
  }
}

const parseResponse = (
  bytes: Buffer,
  head: boolean,
  ended: boolean
): { readonly response: RawResponse; readonly length: number } | null => {
  const headEnd = bytes.indexOf("\r\n\r\n")
  if (headEnd === -1) return null
  const [statusLine = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n")
  const status = Number(statusLine.split(" ")[1])
  const start = headEnd + 4
  // 100 Continue comes before the answer.
  if (status === 100) {
    const next = parseResponse(bytes.subarray(start), head, ended)
    return next === null ? null : { response: next.response, length: start + next.length }
  }
  const headers = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(":")
    // Not `trim`: a no-break space is a character of the value.
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")]
  })
  const all = (name: string) => headers.filter(([key]) => key === name).map(([, value]) => value)
  const header = (name: string) => all(name)[0]
  const whole = (body: Buffer, length: number) => ({
    response: { status, headers, body, header, all },
    length
  })

  if (head || status === 204 || status === 304) return whole(Buffer.alloc(0), start)
  if (header("transfer-encoding") === "chunked") {
    const parts: Array<Buffer> = []
    let at = start
    for (;;) {
      const lineEnd = bytes.indexOf("\r\n", at)
      if (lineEnd === -1) return null
      const size = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16)
      if (bytes.length < lineEnd + 2 + size + 2) return null
      if (size === 0) return whole(Buffer.concat(parts), lineEnd + 4)
      parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
      at = lineEnd + 2 + size + 2
    }
  }
  const length = header("content-length")
  if (length === undefined) return ended ? whole(bytes.subarray(start), bytes.length) : null
  const end = start + Number(length)
  return bytes.length < end ? null : whole(bytes.subarray(start, end), end)
}
