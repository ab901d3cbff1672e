import { Schema } from "effect"
import { CaseFailure } from "../model/Case.ts"
import { stepKind, type StepKind } from "../data/steps.ts"
import { check } from "./check.ts"
import { encodeRequest } from "./client/HttpClient.ts"
import type { Answer, SocketClient } from "./client/SocketClient.ts"
import type { Fn } from "./Door.ts"
import type { Session } from "./steps.ts"

/** Steps that say what goes over the wire byte by byte, or much at the same time. Properties tell what they found by them. */

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const Hex = Schema.String.pipe(
  Schema.pattern(/^([0-9a-f]{2})*$/, { message: () => "use bytes in lower-case hexadecimal" })
)
const Id = Schema.String.pipe(
  Schema.pattern(/^\d+$/, { message: () => "use an id as decimal digits in quotes" })
)

const AnswerHead = Schema.Struct({ id: Id, status: Schema.Literal("OK", "ERROR", "NOT_FOUND") })

const SocketBytes = Schema.Struct({
  /** Written one after another, each when the kernel has taken the one before. */
  pieces: Schema.Array(Hex),
  /** All answers that come, in any order. */
  answers: Schema.Array(AnswerHead),
  /** Answers that may come as well: of what was in flight when the framing broke. */
  maybe: optional(Schema.Array(AnswerHead)),
  /** The server ends the connection afterwards. Else it goes on. */
  ended: optional(Schema.Boolean)
})
export type SocketBytes = typeof SocketBytes.Type

/** What the suite asks to see whether a connection goes on. */
const LAST_ID = 0xabcdef0123456789n

const shown = (answers: ReadonlyArray<{ readonly id: bigint | string; readonly status: string }>) =>
  answers.map(({ id, status }) => `${id} ${status}`).toSorted()

export const playSocketBytes = async (
  { answers, ended = false, maybe = [], pieces }: SocketBytes,
  { door }: Session
): Promise<void> => {
  const client = await door.connect()
  try {
    for (const piece of pieces) await client.send(Buffer.from(piece, "hex"))
    const got: Array<{ readonly id: bigint; readonly status: string }> = []
    if (ended) await client.ended
    else {
      for (let count = 0; count < answers.length; count += 1) got.push(await client.next())
      await client.answer(client.post("PING", {}, LAST_ID))
    }
    const all = shown([...got, ...client.pending])
    check("the answers", shown(answers), without(all, shown(maybe), shown(answers)))
  } finally {
    client.destroy()
  }
}

/** What came, less what may come and need not, so many times as it may. */
const without = (
  all: ReadonlyArray<string>,
  maybe: ReadonlyArray<string>,
  needed: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const surplus = [...all]
  const take = (from: Array<string>, one: string): boolean => {
    const index = from.indexOf(one)
    if (index !== -1) from.splice(index, 1)
    return index !== -1
  }
  const found = needed.filter((one) => take(surplus, one))
  const allowed = [...maybe]
  return [...found, ...surplus.filter((one) => !take(allowed, one))].toSorted()
}

const Call = Schema.Struct({
  /** `shared`: the one connection to the socket on which all such calls of the step are made. */
  door: Schema.Literal("http", "socket", "shared"),
  method: Schema.String,
  path: Schema.String,
  body_base64: Schema.String,
  /** Milliseconds after the first. */
  after_ms: Schema.Int,
  /** The client goes away so many milliseconds after it asked; it waits for its answer where this is left out. */
  hang_up_ms: optional(Schema.Int)
})
const Together = Schema.Struct({ calls: Schema.Array(Call) })
export type Together = typeof Together.Type

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** The status, and what the function saw; null where the client did not wait for it. */
const callOnce = async (
  { after_ms, body_base64, door: way, hang_up_ms, method, path }: typeof Call.Type,
  fn: Fn,
  shared: () => Promise<SocketClient>
): Promise<{ readonly status: number; readonly text: string } | null> => {
  await pause(after_ms)
  const { door } = fn
  const payload = { function_id: fn.name, method, url: path, body: body_base64 }
  const answerOf = ({ payload: { body, status } }: Answer) => ({
    status: Number(status),
    text: Buffer.from(String(body), "base64").toString()
  })
  if (way === "shared") return answerOf(await (await shared()).call("INVOKE", payload))
  if (way === "socket") {
    const client = await door.connect()
    try {
      const id = client.post("INVOKE", payload)
      if (hang_up_ms !== undefined) {
        client.answer(id).catch(() => {})
        await pause(hang_up_ms)
        return null
      }
      return answerOf(await client.answer(id))
    } finally {
      client.destroy()
    }
  }
  const connection = await door.tcp()
  try {
    const body = Buffer.from(body_base64, "base64")
    void connection.send(encodeRequest({ method, target: fn.target(path), body }, door.url.host))
    if (hang_up_ms !== undefined) {
      await pause(hang_up_ms)
      return null
    }
    const response = await connection.response(method)
    if (response === null) throw new CaseFailure("the server closed a connection whose client waits")
    return { status: response.status, text: response.text() }
  } finally {
    connection.destroy()
  }
}

export const playTogether = async ({ calls }: Together, fn: Fn): Promise<void> => {
  let connecting: Promise<SocketClient> | null = null
  const shared = (): Promise<SocketClient> => (connecting ??= fn.door.connect())
  const answers = await Promise.all(calls.map((call) => callOnce(call, fn, shared))).finally(async () =>
    (await connecting)?.destroy()
  )
  for (const [index, answer] of answers.entries()) {
    const call = calls[index]
    if (answer === null || call === undefined) continue
    check(`the status of call ${index}`, 200, answer.status)
    const seen = JSON.parse(answer.text) as { readonly url?: string; readonly body?: string }
    // what sleeps does not tell what it was asked
    if (call.path.startsWith("/do/")) continue
    const body = call.method === "GET" ? "" : call.body_base64
    check(`what call ${index} was`, { method: call.method, body }, seen)
    check(`the path of call ${index}`, { $contains: call.path }, seen.url)
  }
  check("a call afterwards", 200, (await fn.call("/")).status)
}

const Garbage = Schema.Struct({
  door: Schema.Literal("http", "socket"),
  hex: Hex,
  /** The client ends its side, or is gone at once. */
  leaves: Schema.Literal("end", "destroy")
})
export type Garbage = typeof Garbage.Type

/** Whatever comes back: others are served. */
export const playGarbage = async ({ door: way, hex, leaves }: Garbage, { door }: Session): Promise<void> => {
  const bytes = Buffer.from(hex, "hex")
  const connection = way === "http" ? await door.tcp() : await door.connect()
  try {
    // it may be closed before all is taken
    void connection.send(bytes)
    if (leaves === "end") connection.end()
  } finally {
    if (leaves === "destroy") connection.destroy()
    else setTimeout(() => connection.destroy(), 20)
  }
  if (way === "http") check("health afterwards", 200, (await door.http("/health")).status)
  else check("a PING afterwards", "OK", (await door.call("PING")).status)
}

const functionOf = ({ fn }: Session): Fn => {
  if (fn === null) throw new CaseFailure("the case names no function")
  return fn
}

export const rawSteps: ReadonlyArray<StepKind<Session>> = [
  stepKind({ name: "socket_raw", schema: SocketBytes, play: playSocketBytes }),
  stepKind({
    name: "together",
    schema: Together,
    play: (given, session: Session) => playTogether(given, functionOf(session))
  }),
  stepKind({ name: "garbage", schema: Garbage, play: playGarbage })
]
