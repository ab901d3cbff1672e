import { existsSync, lstatSync, rmSync } from "node:fs"
import { connect, createServer, type Server, type Socket } from "node:net"
import { encodeFrame, type Frame, MAX_LENGTH } from "../../server/client/Frames.ts"
import type { Flaw, Link } from "./Flaw.ts"

const HEAD = 17

/** Cuts a stream into frames. From the first byte that is of none it keeps everything. */
export class Splitter {
  #chunks: Array<Buffer> = []
  #size = 0
  #isBroken = false

  get isBroken(): boolean {
    return this.#isBroken
  }

  /** The frames that are whole now. */
  push(chunk: Buffer): ReadonlyArray<Frame> {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    const frames: Array<Frame> = []
    for (let frame = this.#next(); frame !== null; frame = this.#next()) frames.push(frame)
    return frames
  }

  /** What has come and is no whole frame; it is forgotten by that. */
  takeRest(): Buffer {
    const rest = Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#size = 0
    return rest
  }

  #next(): Frame | null {
    if (this.#isBroken || this.#size < 4) return null
    const first = this.#first(4)
    const length = first.readUInt32LE(0)
    if (length < 13 || length > MAX_LENGTH) this.#isBroken = true
    else if (this.#size >= HEAD && this.#first(HEAD).readUInt32LE(13) !== length - 13) this.#isBroken = true
    if (this.#isBroken || this.#size < length + 4) return null
    const bytes = this.#first(length + 4)
    const rest = bytes.subarray(length + 4)
    this.#chunks = [...(rest.length === 0 ? [] : [rest]), ...this.#chunks.slice(1)]
    this.#size -= length + 4
    return {
      id: bytes.readBigUInt64LE(4),
      code: bytes.readUInt8(12),
      payload: bytes.subarray(HEAD, length + 4)
    }
  }

  /** The first chunk, with so many bytes at least. */
  #first(least: number): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks
    if (first.length >= least) return first
    const joined = Buffer.concat(this.#chunks)
    this.#chunks = [joined]
    return joined
  }
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect({ path })
    probe.once("connect", () => {
      resolve(true)
      probe.destroy()
    })
    probe.once("error", () => resolve(false))
  })

const bytesOf = (part: Frame | Uint8Array): Uint8Array =>
  part instanceof Uint8Array ? part : encodeFrame(part)

/** Stands between clients and the real server's socket, with these flaws. */
export class SocketProxy {
  readonly #flaws: ReadonlyArray<Flaw>
  readonly #hidden: string
  readonly #links = new Set<Link>()
  readonly #server: Server
  #isStopping = false

  constructor(hidden: string, flaws: ReadonlyArray<Flaw>) {
    this.#hidden = hidden
    this.#flaws = flaws
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#take(socket))
  }

  /** Rejects where there is a file already; a socket on which nobody listens any more is taken over, as servers do. */
  async listen(path: string): Promise<void> {
    if (existsSync(path) && lstatSync(path).isSocket() && !(await answers(path)))
      rmSync(path, { force: true })
    // a socket is its owner's from its first instant
    const before = process.umask(0o177)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject)
        this.#server.listen(path, resolve)
      })
    } finally {
      process.umask(before)
    }
  }

  stop(): void {
    this.#isStopping = true
    for (const { stopping } of this.#flaws) stopping?.(this.#links)
    this.#server.close()
  }

  #take(client: Socket): void {
    const server = connect({ path: this.#hidden, allowHalfOpen: true })
    const [fromClient, fromServer] = [new Splitter(), new Splitter()]
    const inFlight = new Map<bigint, ReadonlyArray<Frame>>()
    const link: Link = {
      all: this.#links,
      isStopping: () => this.#isStopping,
      inFlight,
      toClient: (bytes) => {
        if (client.writable && !client.write(bytes) && !this.#flaws.some((one) => one.unbounded === true))
          server.pause()
      },
      toServer: (bytes) => {
        if (server.writable && !server.write(bytes)) client.pause()
      },
      unread: () => client.writableLength,
      close: () => {
        client.destroy()
        server.destroy()
      }
    }
    this.#links.add(link)
    client.on("drain", () => server.resume())
    server.on("drain", () => client.resume())
    client.on("data", (chunk: Buffer) => this.#hear(chunk, link, fromClient, inFlight))
    server.on("data", (chunk: Buffer) => this.#answer(chunk, link, fromServer, inFlight))
    client.on("end", () => {
      const rest = fromClient.takeRest()
      const torn = this.#flaws.find((one) => one.torn !== undefined)?.torn
      if (rest.length > 0 && torn !== undefined) link.toServer(torn(rest))
      if (!this.#keepsServing) server.end()
    })
    server.on("end", () => client.end())
    for (const socket of [client, server]) socket.on("error", () => {})
    client.on("close", () => {
      this.#links.delete(link)
      if (!this.#keepsServing) server.destroy()
    })
    server.on("close", () => client.end())
    for (const { connected } of this.#flaws) connected?.(link)
  }

  get #keepsServing(): boolean {
    return this.#flaws.some((one) => one.keepsServing === true)
  }

  #hear(chunk: Buffer, link: Link, splitter: Splitter, inFlight: Map<bigint, ReadonlyArray<Frame>>): void {
    let bytes: Buffer | null = chunk
    for (const flaw of this.#flaws) {
      if (bytes !== null && flaw.chunk !== undefined) bytes = flaw.chunk(bytes, link)
    }
    if (bytes === null) return
    // what is not to be changed is not kept until it is whole
    const isRaw = !this.#flaws.some(({ broken, request, torn }) => broken ?? request ?? torn)
    if (isRaw) link.toServer(bytes)
    for (const frame of splitter.push(bytes)) {
      for (const { heard } of this.#flaws) heard?.(frame, link)
      inFlight.set(frame.id, [...(inFlight.get(frame.id) ?? []), frame])
      let sent: Frame | null = frame
      for (const flaw of this.#flaws) {
        if (sent !== null && flaw.request !== undefined) sent = flaw.request(sent, link)
      }
      if (sent === null) forget(inFlight, frame.id)
      else if (!isRaw) link.toServer(encodeFrame(sent))
    }
    if (!splitter.isBroken) return
    if (isRaw) {
      splitter.takeRest()
      return
    }
    let rest: Buffer | null = splitter.takeRest()
    for (const flaw of this.#flaws) {
      if (rest !== null && flaw.broken !== undefined) rest = flaw.broken(rest, link)
    }
    if (rest !== null && rest.length > 0) link.toServer(rest)
  }

  #answer(chunk: Buffer, link: Link, splitter: Splitter, inFlight: Map<bigint, ReadonlyArray<Frame>>): void {
    for (const frame of splitter.push(chunk)) {
      const request = forget(inFlight, frame.id)
      let parts: ReadonlyArray<Frame | Uint8Array> = [frame]
      for (const { answer } of this.#flaws) {
        if (answer !== undefined) {
          parts = parts.flatMap((part) => (part instanceof Uint8Array ? [part] : answer(part, request, link)))
        }
      }
      for (const part of parts) link.toClient(bytesOf(part))
    }
  }
}

/** The oldest request with this id, which is answered now. */
const forget = (inFlight: Map<bigint, ReadonlyArray<Frame>>, id: bigint): Frame | null => {
  const [oldest = null, ...rest] = inFlight.get(id) ?? []
  if (rest.length === 0) inFlight.delete(id)
  else inFlight.set(id, rest)
  return oldest
}
