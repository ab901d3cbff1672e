import { type Frame, encodeFrame } from "../../server/client/Frames.ts"
import type { HostFlaw } from "../hosts/HostFlaw.ts"

/** Where a broken server stands in for the real one. */
export interface Place {
  readonly socket: string
  readonly port: number
  /** The data folder. */
  readonly data: string
}

/** A connection of a client to the broken server, and the one behind it to the real server. */
export interface Link {
  /** All that are open, this one included. */
  readonly all: ReadonlySet<Link>
  /** The server was told to stop. */
  readonly isStopping: () => boolean
  /** Requests of this connection that are not answered, by id, the oldest first. */
  readonly inFlight: ReadonlyMap<bigint, ReadonlyArray<Frame>>
  readonly toClient: (bytes: Uint8Array) => void
  readonly toServer: (bytes: Uint8Array) => void
  /** What waits for a client that does not read, in bytes. */
  readonly unread: () => number
  readonly close: () => void
}

export interface HttpHead {
  readonly line: string
  readonly headers: ReadonlyArray<readonly [string, string]>
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body: Buffer
}

/** One thing that a broken server does wrong: what it puts between its clients and a server that is right. */
export interface Flaw {
  /** Before the real server is started. What it throws is printed, and ends the server. */
  readonly before?: (place: Place) => void
  /** Once the real server takes connections. */
  readonly started?: (place: Place) => void
  /** When the real server has ended. */
  readonly ended?: (place: Place) => void
  /** A client has connected. */
  readonly connected?: (link: Link) => void
  /** Bytes of a client as they came; null: they are dropped. */
  readonly chunk?: (bytes: Buffer, link: Link) => Buffer | null
  /** A whole frame of a client, which is passed on as it is. */
  readonly heard?: (frame: Frame, link: Link) => void
  /** A whole frame of a client: what the server gets instead; null: nothing. What is not whole waits here. */
  readonly request?: (frame: Frame, link: Link) => Frame | null
  /** The framing of a client is broken from these bytes on: what the server gets of them. */
  readonly broken?: (bytes: Buffer, link: Link) => Buffer | null
  /** A client has ended its side within a frame, of which this has come: what the server still gets. */
  readonly torn?: (bytes: Buffer) => Buffer
  /** A whole frame of the server: what the client gets instead, in order. `request` is null for a frame that nobody asked for. */
  readonly answer?: (answer: Frame, request: Frame | null, link: Link) => ReadonlyArray<Frame | Uint8Array>
  /** The server was told to stop, and has not heard of it yet. */
  readonly stopping?: (links: ReadonlySet<Link>) => void
  /** It is about the end of a server: the real one has to be the broken one's own. */
  readonly own?: true
  /** The connection behind stays open when the client has gone. */
  readonly keepsServing?: true
  /** All answers are read from the server at once, however slowly the client reads. */
  readonly unbounded?: true
  /** A request's head: what the server gets instead. */
  readonly httpRequest?: (head: HttpHead) => HttpHead
  /** A whole body of a request that has a length: what the server gets instead. */
  readonly httpBody?: (body: Buffer, head: HttpHead) => Buffer
  /** By how much an answer comes too late, in milliseconds. */
  readonly httpDelay?: (answer: HttpAnswer) => number
  /** What the client gets instead; null: the connection is closed without an answer. `request` is as it was sent. */
  readonly httpAnswer?: (answer: HttpAnswer, request: HttpHead) => HttpAnswer | null
  /** Bytes of a client came that are no HTTP. */
  readonly httpGarbage?: (closeAll: () => void) => void
  /** What stands between the server and its workers, where they are a program of the suite's. */
  readonly host?: HostFlaw
}

export type Payload = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Payload =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const without = (payload: Payload, name: string): Payload =>
  Object.fromEntries(Object.entries(payload).filter(([key]) => key !== name))

/** A frame's payload; null where it is no JSON object. */
export const payloadOf = ({ payload }: Frame): Payload | null => {
  try {
    const value: unknown = JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload)
    )
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

export const withPayload = (frame: Frame, payload: unknown): Frame => ({
  ...frame,
  payload: Buffer.from(JSON.stringify(payload))
})

/** A flaw of requests of these commands, whose payload is an object. */
export const requests = (
  codes: ReadonlyArray<number>,
  change: (payload: Payload, frame: Frame, link: Link) => Payload | null
): Flaw => ({
  request: (frame, link) => {
    const payload = codes.includes(frame.code) ? payloadOf(frame) : null
    if (payload === null) return frame
    const changed = change(payload, frame, link)
    return changed === null ? null : changed === payload ? frame : withPayload(frame, changed)
  }
})

/** A flaw of answers to requests of these commands. */
export const answers = (
  codes: ReadonlyArray<number>,
  change: (payload: Payload, answer: Frame, request: Frame) => Payload | Frame
): Flaw => ({
  answer: (answer, request) => {
    const payload = request !== null && codes.includes(request.code) ? payloadOf(answer) : null
    if (payload === null || request === null) return [answer]
    const changed = change(payload, answer, request)
    return [isFrame(changed) ? changed : changed === payload ? answer : withPayload(answer, changed)]
  }
})

const isFrame = (value: Payload | Frame): value is Frame => value["payload"] instanceof Uint8Array

/** A flaw of refusals: answers with ERROR or NOT_FOUND. */
export const refusals = (change: (payload: Payload, answer: Frame) => Payload | Frame): Flaw => ({
  answer: (answer) => {
    const payload = answer.code === 0 ? null : payloadOf(answer)
    if (payload === null) return [answer]
    const changed = change(payload, answer)
    return [isFrame(changed) ? changed : withPayload(answer, changed)]
  }
})

const TITLES: Readonly<Record<string, readonly [string, number]>> = {
  FN_001: ["Function not found", 404],
  FN_004: ["Internal error", 500],
  FN_006: ["Invalid request", 400],
  FN_007: ["Limit exceeded", 429],
  FN_008: ["Service is stopping", 503]
}

/** The answer of a server that refuses this request. */
export const refusal = ({ id }: Pick<Frame, "id">, code: keyof typeof TITLES, detail: string): Buffer => {
  const [title, status] = TITLES[code] ?? ["", 0]
  const problem = {
    type: `urn:bunbase:problem:${code}`,
    title,
    status,
    detail,
    code,
    retryable: status > 400 && status !== 404,
    ...(status === 400 ? { violations: [{ field: "", message: detail }] } : {}),
    ...(status === 429 || status === 503 ? { retry_after_seconds: 1 } : {})
  }
  const payload = JSON.stringify({ error: detail, code, problem: JSON.stringify(problem) })
  return encodeFrame({ id, code: code === "FN_001" ? 2 : 1, payload })
}

/** A value of a problem over HTTP that is another; undefined takes it away. */
export const problems = (
  change: (problem: Payload) => Payload,
  headers?: Readonly<Record<string, string | null>>
): Flaw => ({
  httpAnswer: (answer) => {
    if (valueOf(answer.headers, "content-type")?.startsWith("application/problem+json") !== true)
      return answer
    const body =
      answer.body.length === 0
        ? answer.body
        : Buffer.from(JSON.stringify(change(JSON.parse(answer.body.toString()) as Payload)))
    return { ...answer, body, headers: withHeaders(answer.headers, headers ?? {}) }
  }
})

export const valueOf = (headers: HttpHead["headers"], name: string): string | undefined =>
  headers.find(([key]) => key.toLowerCase() === name)?.[1]

/** Headers with these set, or taken away where they are null. */
export const withHeaders = (
  headers: HttpHead["headers"],
  changes: Readonly<Record<string, string | null>>
): HttpHead["headers"] => [
  ...headers.filter(([key]) => !Object.hasOwn(changes, key.toLowerCase())),
  ...Object.entries(changes).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]))
]
