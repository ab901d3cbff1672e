import { TargetUnusable } from "../../model/Suite.ts"
import { Transcript } from "../../model/Transcript.ts"
import { encodeRequest, HttpConnection } from "../client/HttpClient.ts"
import { SocketClient } from "../client/SocketClient.ts"
import type { ServerProcess } from "./ServerProcess.ts"

/** What a server said about itself. */
export interface Introduction {
  readonly ready: Readonly<Record<string, unknown>> | null
  readonly ping: Readonly<Record<string, unknown>> | null
}

const POLL_MS = 15
const MOST_OTHERS = 5
/** Of a line that the server printed, for a message. */
const MOST_OF_A_LINE = 500
const shortened = (line: string): string =>
  line.length <= MOST_OF_A_LINE ? line : `${line.slice(0, MOST_OF_A_LINE)}…`
const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}

/** Where a server is reached. */
export interface Address {
  readonly url: URL | null
  readonly socket: string | null
}

/**
 * Waits until the server answers `GET /ready` with `ready: true` (and PING on its socket). Rejects with `TargetUnusable`, which
 * tells apart: it ended; nobody listens; it does not answer; it answers something else.
 */
export const awaitReady = async (
  address: Address,
  process: ServerProcess | null,
  limitMs: number,
  signal: AbortSignal
): Promise<Introduction> => {
  const until = performance.now() + limitMs
  const bound = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
  const details = () => (process === null ? [] : process.output.split("\n").slice(-20).map(shortened))
  const stopped = new AbortController()
  const died = process?.exited.then(({ code, signal: name }) => {
    stopped.abort()
    if (process.flood !== null)
      throw new TargetUnusable(`the server floods its output: ${process.flood}`, details())
    throw new TargetUnusable(
      `the server ended ${name === null ? `with code ${code}` : `by ${name}`} before it was ready`,
      details()
    )
  })
  died?.catch(() => {})
  const inTime = AbortSignal.any([bound, stopped.signal])
  const attempt = async (): Promise<Introduction> => {
    const seen: Seen = { stage: "", words: "", others: 0 }
    for (;;) {
      const said = await introduce(address, inTime, seen)
      if (said !== null) return said
      signal.throwIfAborted()
      if (performance.now() >= until || seen.others >= MOST_OTHERS)
        throw unusable(address, process !== null, seen, limitMs, details())
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
  const trying = attempt()
  trying.catch(() => {})
  const said = await (died === undefined ? trying : Promise.race([trying, died]))
  process?.becameReady()
  return said
}

interface Seen {
  /** How far the last attempt came: nobody listens, no answer, an answer of another protocol, not ready. */
  stage: "" | "refused" | "silent" | "other" | "not-ready"
  words: string
  /** Answers of another protocol so far: one may be the end of a server that was there before. */
  others: number
}

const unusable = (
  address: Address,
  isOwn: boolean,
  { stage, words }: Seen,
  limitMs: number,
  details: ReadonlyArray<string>
) => {
  const where = [address.url?.origin, address.socket].filter((one) => one != null).join(" and ")
  const what = {
    "": `the server was not ready within ${limitMs} ms (${where})`,
    refused: `${isOwn ? "the server did not start" : "there is no server"}: nobody listens at ${where} after ${limitMs} ms (${words})`,
    silent: `the server hangs: it takes connections at ${where} and has not answered within ${limitMs} ms`,
    other: `the server speaks another protocol: ${words}`,
    "not-ready": `the server was not ready within ${limitMs} ms: ${words}`
  }[stage]
  return new TargetUnusable(what, details)
}

const introduce = async (address: Address, signal: AbortSignal, seen: Seen): Promise<Introduction | null> => {
  const ready = address.url === null ? null : await askReady(address.url, signal, seen)
  if (ready === undefined) return null
  const ping = address.socket === null ? null : await askPing(address.socket, signal, seen)
  return ping === undefined ? null : { ready, ping }
}

const note = (seen: Seen, stage: Seen["stage"], words: string): undefined => {
  seen.stage = stage
  seen.words = words.slice(0, 300)
  if (stage === "other") seen.others += 1
}

const askReady = async (url: URL, signal: AbortSignal, seen: Seen) => {
  let connection: HttpConnection | null = null
  try {
    connection = await HttpConnection.open(url, signal, new Transcript())
    void connection.send(encodeRequest({ target: "/ready" }, url.host))
    const response = await connection.response()
    if (response === null) return note(seen, "other", "GET /ready is answered by closing the connection")
    const said = response.json()
    const { ready } = record(said)
    if (response.status === 200 && ready === true) return record(said)
    if (typeof ready === "boolean") return note(seen, "not-ready", response.text())
    return note(seen, "other", `GET /ready is answered with ${response.status} ${response.text()}`)
  } catch (error) {
    return failed(error, connection !== null, signal, seen, "GET /ready")
  } finally {
    connection?.destroy()
  }
}

const askPing = async (path: string, signal: AbortSignal, seen: Seen) => {
  let client: SocketClient | null = null
  try {
    client = await SocketClient.open(path, signal, new Transcript())
    const { payload, status } = await client.call("PING")
    const { socket } = record(payload["protocols"])
    if (status === "OK" && typeof socket === "string" && socket.startsWith("1.")) return payload
    return note(seen, "other", `PING is answered with ${status} ${JSON.stringify(payload)}`)
  } catch (error) {
    return failed(error, client !== null, signal, seen, "PING")
  } finally {
    client?.destroy()
  }
}

const failed = (
  error: unknown,
  connected: boolean,
  signal: AbortSignal,
  seen: Seen,
  what: string
): undefined => {
  // the time is over: what was seen before says more than that this attempt was cut short
  if (signal.aborted) {
    if (connected && seen.stage !== "not-ready") note(seen, "silent", what)
    return
  }
  const words = error instanceof Error ? error.message : String(error)
  return note(seen, connected ? "other" : "refused", `${what}: ${words}`)
}
