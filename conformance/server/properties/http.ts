import fc from "fast-check"
import { checkProperty } from "../../data/replay.ts"
import type { Bench } from "../Bench.ts"
import { casesOf, type ServerCase } from "../define.ts"
import { Door } from "../Door.ts"
import { type HttpStep, newSession, playHttp, playSocket, type SocketStep } from "../steps.ts"

/** Requests of all shapes through both doors to a function that tells what it saw, and answers of all shapes back. */

export const SHARED = { concurrency: 20, max_workers: 2 }
const WITHIN_MS = 25_000

/** What may stand in a path or query as it is. */
const SAFE = [..."abcXYZ019-._~!$&()*+,;=:@"]
const character = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...SAFE) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0x20, max: 0xff })
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
  }
)
const text = (most: number) => fc.array(character, { maxLength: most }).map((all) => all.join(""))
/** A segment that is neither `.` nor `..`, in whatever writing. */
const segment = text(8).filter((one) => !/^(\.|%2e){1,2}$/i.test(one))
const path = fc.array(segment, { maxLength: 5 }).map((all) => `/p/${all.join("/")}`)
const query = fc.option(
  fc
    .array(fc.oneof(character, fc.constantFrom("/", "?")), { maxLength: 24 })
    .map((all) => `?${all.join("")}`),
  { nil: "" }
)

const TOKEN = [..."abcdefghijklmnopqrstuvwxyzABCXYZ0189!#$%&'*+-.^_`|~"]
const name = fc
  .array(fc.constantFrom(...TOKEN), { minLength: 1, maxLength: 12 })
  .map((all) => `X-${all.join("")}`)
const RESERVED = /^x-invocation-id$/i
/** Latin-1 without control characters and braces, which stand for placeholders in case files. */
const value = fc
  .array(
    fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7b && code !== 0x7d && !(code >= 0x7f && code < 0xa0)),
    { maxLength: 20 }
  )
  .map((codes) => String.fromCharCode(...codes).trim())
  // of the ends only blanks and tabs may be taken off
  .filter((one) => !/^\s|\s$/.test(one))
const headers = fc
  .uniqueArray(fc.tuple(name, value), { maxLength: 6, selector: ([one]) => one.toLowerCase() })
  .map((all) => all.filter(([one]) => !RESERVED.test(one)))
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ minLength: 0, maxLength: 3_000, size: "max" })
)

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PROPFIND"]

interface Shape {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body: Uint8Array
}

const shape: fc.Arbitrary<Shape> = fc.record({
  method: fc.constantFrom(...METHODS),
  path,
  query,
  headers,
  body: bytes
})

const base64 = (body: Uint8Array): string => Buffer.from(body).toString("base64")
const lower = (all: Shape["headers"]) => Object.fromEntries(all.map(([one, is]) => [one.toLowerCase(), is]))

/** The request over HTTP, and what the function has to see. */
const requestStep = ({ body, headers: given, method, path: at, query: asked }: Shape): HttpStep => ({
  method,
  path: `${at}${asked}`,
  headers: given,
  body_base64: base64(body),
  expect: {
    status: 200,
    seen: {
      method,
      // a mark without anything behind it may get lost in a URL
      url: { $oneOf: [`http://{host}${at}${asked}`, ...(asked === "?" ? [`http://{host}${at}`] : [])] },
      body: method === "GET" ? "" : base64(body),
      headers: lower(given)
    }
  }
})

/** The same by the socket. */
const invokeStep = ({ body, headers: given, method, path: at, query: asked }: Shape): SocketStep => ({
  command: "INVOKE",
  payload: {
    function_id: "{name}",
    method,
    url: `${at}${asked}`,
    headers: Object.fromEntries(given),
    body: base64(body)
  },
  expect: {
    status: "OK",
    seen: {
      method,
      url: { $oneOf: [`http://localhost${at}${asked}`, ...(asked === "?" ? [`http://localhost${at}`] : [])] },
      body: method === "GET" ? "" : base64(body),
      headers: lower(given)
    }
  }
})

interface Answered {
  readonly status: number
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body: Uint8Array
}

const answered: fc.Arbitrary<Answered> = fc.record({
  status: fc.integer({ min: 200, max: 599 }).filter((status) => ![204, 205, 304].includes(status)),
  headers,
  body: bytes
})

const answerStep = ({ body, headers: given, status }: Answered): HttpStep => ({
  method: "POST",
  path: "/do/answer",
  json: { status, headers: given, body: base64(body) },
  expect: { status, headers: lower(given), bytes: body.length, base64: base64(body) }
})

const socketAnswerStep = ({ body, headers: given, status }: Answered): SocketStep => ({
  command: "INVOKE",
  payload: {
    function_id: "{name}",
    method: "POST",
    path: "/do/answer",
    body: base64(Buffer.from(JSON.stringify({ status, headers: given, body: base64(body) })))
  },
  expect: { status: "OK", payload: { success: true, status, headers: lower(given), body: base64(body) } }
})

/** What a property's run and its replay have in common: one step on one shared function. */
interface StepProperty<Shaped, Step> {
  readonly id: string
  readonly title: string
  readonly requirements: ReadonlyArray<string>
  readonly shapes: fc.Arbitrary<Shaped>
  readonly name: "http" | "socket"
  readonly step: (shaped: Shaped) => Step
  readonly play: (step: Step, session: ReturnType<typeof newSession>) => Promise<void>
}

export const httpProperties = (runs: number | null): ReadonlyArray<ServerCase> => {
  const cases = casesOf("properties")
  const add = <Shaped, Step extends object>(property: StepProperty<Shaped, Step>): void => {
    const { id, name: kind, play, requirements, shapes, step, title } = property
    const options = { traits: [kind], timeoutMs: 40_000 }
    cases.each(id, title, requirements, options, async (bench: Bench, runtime) => {
      const { address, context, functions } = bench.server
      const door = new Door(address, context, functions, runtime)
      const session = { ...newSession(bench, await door.sharedFn(SHARED)), door }
      await checkProperty(
        fc.asyncProperty(shapes, (shaped) => play(step(shaped), session)),
        {
          context,
          runs: runs ?? 60,
          withinMs: WITHIN_MS,
          timeoutFactor: bench.target.options.timeoutFactor,
          replay: ([shaped]) => ({
            area: "replay",
            case: {
              id,
              title,
              requirements,
              runtimes: runtime,
              function: SHARED,
              steps: [{ [kind]: step(shaped) }]
            }
          })
        }
      )
    })
  }
  add({
    id: "http-requests",
    title: "Requests of all shapes reach the function over HTTP as they were sent",
    requirements: ["HG-008", "HG-009", "HG-013", "HG-018", "HG-019", "HG-027"],
    shapes: shape,
    name: "http",
    step: requestStep,
    play: playHttp
  })
  add({
    id: "http-answers",
    title: "Answers of all shapes reach the client over HTTP as they were given",
    requirements: ["HG-036", "HG-037", "HG-041"],
    shapes: answered,
    name: "http",
    step: answerStep,
    play: playHttp
  })
  add({
    id: "socket-requests",
    title: "Requests of all shapes reach the function by the socket as they were sent",
    requirements: ["SP-052", "SP-056", "SP-058", "SP-061"],
    shapes: shape,
    name: "socket",
    step: invokeStep,
    play: playSocket
  })
  add({
    id: "socket-answers",
    title: "Answers of all shapes reach the client by the socket as they were given",
    requirements: ["SP-069", "SP-070", "SP-073"],
    shapes: answered,
    name: "socket",
    step: socketAnswerStep,
    play: playSocket
  })
  return cases.all
}
