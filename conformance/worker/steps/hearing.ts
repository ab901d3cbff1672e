import { Schema } from "effect"
import { type StepKind, stepKind } from "../../data/steps.ts"
import { CaseFailure } from "../../model/Case.ts"
import type { CaseRoom } from "../CaseRoom.ts"
import { difference, filled, matcherMistakes, type Matcher } from "../matchers/match.ts"
import type { Message } from "../session/Message.ts"
import type { WorkerSession } from "../session/WorkerSession.ts"
import { showExit } from "../target/WorkerProcess.ts"
import { Matching, matchersOf, optional } from "./schemas.ts"

const answerFields = {
  status: optional(Matching),
  headers: optional(Matching),
  /** Of the body: as text, as JSON, as base64, its size in bytes. */
  text: optional(Matching),
  json: optional(Matching),
  base64: optional(Schema.String),
  bytes: optional(Matching)
}
/** What a `response` should be. */
export const ResponseFields = Schema.Struct(answerFields)
type ResponseFields = typeof ResponseFields.Type

const errorFields = {
  code: optional(Matching),
  message: optional(Matching),
  stack: optional(Matching),
  line: optional(Matching),
  column: optional(Matching)
}
/** What an `error` should be. */
export const ErrorFields = Schema.Struct(errorFields)
type ErrorFields = typeof ErrorFields.Type

const bodyOf = ({ text, json, base64, bytes }: ResponseFields): ReadonlyArray<Matcher> => [
  ...(text === undefined ? [] : [{ $text: text }]),
  ...(json === undefined ? [] : [{ $json: json }]),
  ...(base64 === undefined ? [] : [{ $base64: base64 }]),
  ...(bytes === undefined ? [] : [{ $bytes: bytes }])
]

const responseMatcher = (fields: ResponseFields): Matcher => {
  const { status, headers } = fields
  const bodies = bodyOf(fields)
  return {
    type: "response",
    payload: {
      ...(status === undefined ? {} : { status }),
      ...(headers === undefined ? {} : { headers }),
      ...(bodies.length === 0 ? {} : { body: { $all: bodies } })
    }
  }
}

/** Fails where a message is not as it should be. */
export const compare = (expected: Matcher, message: Message, session: WorkerSession, what: string): void => {
  const found = difference(expected, message, "", session.captured)
  if (found === null) return
  throw new CaseFailure(`${what}: ${found.path} is not as expected`, {
    expected: found.expected,
    observed: found.observed
  })
}

/** Waits for the answer to an invocation, which has to be this response. */
export const takeResponse = async (session: WorkerSession, id: string, fields: ResponseFields) => {
  const message = await session.answer(id)
  if (message.type === "error") {
    throw new CaseFailure(`${JSON.stringify(id)} was answered by an error`, {
      expected: fields,
      observed: message.payload
    })
  }
  compare(responseMatcher(fields), message, session, `the response to ${JSON.stringify(id)}`)
}

/** Waits for the answer to an invocation, which has to be this error. */
export const takeError = async (session: WorkerSession, id: string, fields: ErrorFields) => {
  const message = await session.answer(id)
  if (message.type === "response") {
    throw new CaseFailure(`${JSON.stringify(id)} was answered by a response`, {
      expected: fields,
      observed: message.payload
    })
  }
  compare({ payload: fields }, message, session, `the error for ${JSON.stringify(id)}`)
}

const answer = stepKind({
  name: "answer",
  schema: Schema.Struct({ id: Schema.String, ...answerFields }),
  check: (value) => matchersOf(value),
  play: ({ id, ...fields }, { session }: CaseRoom) => takeResponse(session, id, fields)
})

const error = stepKind({
  name: "error",
  schema: Schema.Struct({ id: Schema.String, ...errorFields }),
  check: (value) => matchersOf(value),
  play: ({ id, ...fields }, { session }: CaseRoom) => takeError(session, id, fields)
})

/** Answered by either kind; `is` is about the whole message. */
const answered = stepKind({
  name: "answered",
  schema: Schema.Struct({ id: Schema.String, is: optional(Matching) }),
  check: (value) => matchersOf(value, ["is"]),
  play: async ({ id, is = {} }, { session }: CaseRoom) => {
    compare(is, await session.answer(id), session, `the answer to ${JSON.stringify(id)}`)
  }
})

/** The next message with this `type`, and `id` where one is given (nobody else took it yet), has to be like this. */
const expect = stepKind({
  name: "expect",
  schema: Schema.Struct({
    type: Schema.String,
    id: optional(Matching),
    payload: optional(Matching)
  }),
  check: (value) => matchersOf(value, ["id", "payload"]),
  play: async (expected, { session }: CaseRoom) => {
    const { type, id } = expected
    // an answer of the other kind will not become the right one
    const types = type === "response" || type === "error" ? ["response", "error"] : [type]
    const wanted = typeof id === "string" ? id : null
    const { message } = await session.take(
      wanted === null ? `a ${type}` : `a ${type} for ${JSON.stringify(wanted)}`,
      (one) => types.includes(one.type) && (wanted === null || one.id === wanted)
    )
    compare(expected, message, session, `the ${type}`)
  }
})

const ready = stepKind({
  name: "ready",
  schema: Matching,
  check: (value) => matcherMistakes(value),
  play: async (payload, { session }: CaseRoom) => {
    compare({ type: "ready", payload }, await session.ready(), session, "ready")
  }
})

const pong = stepKind({
  name: "pong",
  schema: Schema.Struct({ id: Schema.String }),
  play: async ({ id }, { session }: CaseRoom) => {
    await session.take(`a pong for ${JSON.stringify(id)}`, (one) => one.type === "pong" && one.id === id)
  }
})

const logFields = { level: optional(Matching), message: optional(Matching), metadata: optional(Matching) }

/** Waits for a log line of this id that is like this; others of it are passed over. */
const expectLog = stepKind({
  name: "expect_log",
  schema: Schema.Struct({ id: Schema.String, ...logFields }),
  check: (value) => matchersOf(value),
  play: async ({ id, ...fields }, { session }: CaseRoom) => {
    await session.take(
      `the log line ${JSON.stringify(fields)} for ${JSON.stringify(id)}`,
      (one) => one.type === "log" && one.id === id && difference(fields, one.payload) === null
    )
  }
})

/** All log lines of this id so far, in order: texts, or maps of matchers. */
const logs = stepKind({
  name: "logs",
  schema: Schema.Struct({ id: Schema.String, lines: Schema.Array(Matching) }),
  check: ({ lines }) => matcherMistakes(lines, ["lines"]),
  play: ({ id, lines }, { session }: CaseRoom) => {
    const heard = session.heard.flatMap(({ message }) =>
      message.type === "log" && message.id === id ? [message.payload] : []
    )
    const expected = lines.map((line) => (typeof line === "string" ? { message: line } : line))
    const found = difference(expected, heard)
    if (found === null) return
    throw new CaseFailure(`the log lines of ${JSON.stringify(id)}: ${found.path} is not as expected`, {
      expected: lines,
      observed: heard.map(({ level, message }) => `${String(level)}: ${String(message)}`)
    })
  }
})

/** Among all that was heard there are such messages, in this order, with whatever between them. */
const order = stepKind({
  name: "order",
  schema: Schema.Array(Matching),
  check: (value) => matcherMistakes(value),
  play: (wanted, { session }: CaseRoom) => {
    let next = 0
    for (const { message } of session.heard) {
      if (next < wanted.length && difference(wanted[next], message) === null) next += 1
    }
    if (next === wanted.length) return
    throw new CaseFailure(`the message number ${next + 1} of this order did not come where it should`, {
      expected: wanted[next],
      observed: session.heard.map(({ message }) => `${message.type} ${JSON.stringify(message.id)}`)
    })
  }
})

/** Once the worker has handled what was sent: nothing like this has been heard. */
const absent = stepKind({
  name: "absent",
  schema: Schema.Struct({ type: optional(Matching), id: optional(Matching), payload: optional(Matching) }),
  check: (value) => matchersOf(value),
  play: async (unwanted, { session }: CaseRoom) => {
    if (!session.monitors.mayEnd) await session.settle()
    const found = session.heard.find(
      ({ message }) => difference(filled(unwanted, session.captured), message) === null
    )
    if (found === undefined) return
    throw new CaseFailure("this was not to come", { observed: found.message })
  }
})

const settle = stepKind({
  name: "settle",
  schema: Schema.Literal(true),
  play: (_, { session }: CaseRoom) => session.settle()
})

/** It still answers: an invocation, and a ping where it knows one. */
const alive = stepKind({
  name: "alive",
  schema: Schema.Literal(true),
  play: async (_, { session }: CaseRoom) => {
    await session.settle()
    await session.probe()
  }
})

const exit = stepKind({
  name: "exit",
  schema: Schema.Struct({ code: optional(Matching), signal: optional(Matching) }),
  check: (value) => matchersOf(value),
  play: async (expected, { session }: CaseRoom) => {
    const observed = await session.exit()
    session.check()
    if (difference(expected, observed) === null) return
    throw new CaseFailure(`the worker ended ${showExit(observed)}`, {
      expected,
      observed: { ...observed, stderr: session.process.stderr }
    })
  }
})

/** Ends it, in the middle of whatever it does. */
const kill = stepKind({
  name: "kill",
  schema: Schema.Literal(true),
  play: (_, { session }: CaseRoom) => session.kill()
})

/** Once it has ended: how many bytes it printed beside the protocol. */
const stderr = stepKind({
  name: "stderr",
  schema: Schema.Struct({ bytes: Matching }),
  check: (value) => matchersOf(value),
  play: async ({ bytes }, { session }: CaseRoom) => {
    await session.exit()
    if (difference(bytes, session.process.stderrBytes) === null) return
    throw new CaseFailure("what it printed on stderr has another size", {
      expected: bytes,
      observed: session.process.stderrBytes
    })
  }
})

export const hearingSteps: ReadonlyArray<StepKind<CaseRoom>> = [
  answer,
  error,
  answered,
  expect,
  ready,
  pong,
  expectLog,
  logs,
  order,
  absent,
  settle,
  alive,
  exit,
  kill,
  stderr
]
