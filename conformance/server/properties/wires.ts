import fc from "fast-check"
import { checkProperty } from "../../data/replay.ts"
import { encodeFrame, MAX_LENGTH } from "../client/Frames.ts"
import { Command } from "../client/SocketClient.ts"
import { casesOf, type ServerCase } from "../define.ts"
import {
  type Garbage,
  playGarbage,
  playSocketBytes,
  playTogether,
  type SocketBytes,
  type Together
} from "../rawSteps.ts"
import { newSession } from "../steps.ts"
import { SHARED } from "./http.ts"

/** Streams of frames in all orders and pieces, bytes that mean nothing, and many calls at once with clients that go away. */

const WITHIN_MS = 25_000

type Expected = SocketBytes["answers"][number]["status"]

interface Sent {
  readonly bytes: Buffer
  readonly id: string
  readonly status: Expected
  /** The connection ends here. */
  readonly breaks: boolean
}

const id = fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
const sent = (status: Expected, breaks: boolean, bytes: Buffer, one: bigint): Sent => ({
  bytes,
  id: String(one),
  status,
  breaks
})

const whole: fc.Arbitrary<Sent> = fc.oneof(
  fc
    .tuple(id, fc.uint8Array({ maxLength: 30 }))
    .map(([one, payload]) => sent("OK", false, encodeFrame({ id: one, code: Command.PING, payload }), one)),
  fc
    .tuple(id, fc.constantFrom("", "{", "[]", "null", "7", '"x"', "{}"))
    .map(([one, payload]) =>
      sent("ERROR", false, encodeFrame({ id: one, code: Command.INVOKE, payload }), one)
    ),
  fc
    .tuple(id, fc.integer({ min: 0x13, max: 0xff }))
    .map(([one, code]) => sent("ERROR", false, encodeFrame({ id: one, code, payload: "{}" }), one)),
  id.map((one) => {
    const payload = JSON.stringify({ function_id: "nobody-is-called-so" })
    return sent("NOT_FOUND", false, encodeFrame({ id: one, code: Command.INVOKE, payload }), one)
  }),
  id.map((one) => {
    const payload = JSON.stringify({ function_id: "nobody-is-called-so" })
    return sent("NOT_FOUND", false, encodeFrame({ id: one, code: Command.GET_FUNCTION, payload }), one)
  })
)

const broken: fc.Arbitrary<Sent> = fc.oneof(
  fc
    .tuple(id, fc.integer({ min: MAX_LENGTH + 1, max: 2 ** 32 - 1 }))
    .map(([one, length]) => sent("ERROR", true, encodeFrame({ id: one, code: 0x11, length }), one)),
  fc
    .tuple(id, fc.integer({ min: 8, max: 12 }))
    .map(([one, length]) => sent("ERROR", true, encodeFrame({ id: one, code: 0x11, length }), one)),
  fc
    .tuple(id, fc.integer({ min: 3, max: 2 ** 32 - 1 }))
    .map(([one, payloadLength]) =>
      sent("ERROR", true, encodeFrame({ id: one, code: 0x11, payload: "{}", payloadLength }), one)
    )
)

interface Stream {
  readonly frames: ReadonlyArray<Sent>
  readonly end: Sent | null
  readonly cuts: ReadonlyArray<number>
}

const stream: fc.Arbitrary<Stream> = fc.record({
  frames: fc.array(whole, { maxLength: 8 }),
  end: fc.option(broken, { freq: 3 }),
  cuts: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 })
})

/** What a stream is as bytes in pieces, and what its answers have to be. */
export const streamStep = ({ cuts, end, frames }: Stream): SocketBytes => {
  const all = end === null ? frames : [...frames, end]
  const bytes = Buffer.concat(all.map((one) => one.bytes))
  const pieces: Array<string> = []
  let at = 0
  for (const cut of [...cuts, bytes.length]) {
    if (at >= bytes.length) break
    pieces.push(bytes.subarray(at, at + cut).toString("hex"))
    at += cut
  }
  const heads = frames.map(({ id: one, status }) => ({ id: one, status }))
  // what is in flight when the framing breaks is given up: its answers may be there already, or never come
  return end === null
    ? { pieces, answers: heads }
    : { pieces, answers: [{ id: end.id, status: end.status }], maybe: heads, ended: true }
}

const base64 = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("base64"))

const call = (canHangUp: boolean): fc.Arbitrary<Together["calls"][number]> =>
  fc
    .record({
      door: fc.constantFrom("http" as const, "socket" as const, "shared" as const, "shared" as const),
      method: fc.constantFrom("GET", "POST", "PUT"),
      path: fc.oneof(
        fc.nat(9_999).map((n) => `/n/${n}`),
        fc.nat(30).map((ms) => `/do/sleep?ms=${ms}`)
      ),
      body_base64: base64,
      after_ms: fc.nat(15),
      hang: canHangUp ? fc.option(fc.nat(20), { nil: null }) : fc.constant(null)
    })
    .map(({ hang, ...one }) => (hang === null || one.door === "shared" ? one : { ...one, hang_up_ms: hang }))

const garbage: fc.Arbitrary<Garbage> = fc
  .record({
    door: fc.constantFrom("http" as const, "socket" as const),
    beginning: fc.constantFrom(
      "",
      "GET / HTTP/1.1\r\n",
      "POST /functions/x HTTP/1.1\r\nHost: x\r\n",
      "\r\n",
      "\0\0\0\0",
      "\x16\x03\x01"
    ),
    bytes: fc.uint8Array({ maxLength: 200 }),
    leaves: fc.constantFrom("end" as const, "destroy" as const)
  })
  .map(({ beginning, bytes, door, leaves }) => ({
    door,
    hex: Buffer.concat([Buffer.from(beginning, "latin1"), bytes]).toString("hex"),
    leaves
  }))

export const wireProperties = (runs: number | null): ReadonlyArray<ServerCase> => {
  const cases = casesOf("properties")
  const options = { timeoutMs: 40_000 }

  const streamRequirements = ["SP-008", "SP-009", "SP-011", "SP-012", "SP-014", "SP-028"]
  const streamTitle = "Streams of frames are understood however they are made up and cut"
  cases.add(
    "socket-streams",
    streamTitle,
    streamRequirements,
    { ...options, traits: ["socket"] },
    async (bench) => {
      const session = newSession(bench, null)
      await checkProperty(
        fc.asyncProperty(stream, (one) => playSocketBytes(streamStep(one), session)),
        {
          context: bench.context,
          runs: runs ?? 150,
          withinMs: WITHIN_MS,
          timeoutFactor: bench.target.options.timeoutFactor,
          replay: ([one]) => ({
            area: "replay",
            case: {
              id: "socket-streams",
              title: streamTitle,
              requirements: streamRequirements,
              steps: [{ socket_raw: streamStep(one) }]
            }
          })
        }
      )
    }
  )

  const together = (
    id: string,
    title: string,
    requirements: ReadonlyArray<string>,
    canHangUp: boolean
  ): void => {
    cases.each(
      id,
      title,
      requirements,
      { ...options, traits: ["socket", "http"] },
      async (bench, runtime) => {
        const fn = await bench.server.sharedFn({ ...SHARED, runtime })
        const calls = fc.array(call(canHangUp), { minLength: 1, maxLength: 20 })
        await checkProperty(
          fc.asyncProperty(calls, (all) => playTogether({ calls: all }, fn)),
          {
            context: bench.context,
            runs: runs ?? 25,
            withinMs: WITHIN_MS,
            timeoutFactor: bench.target.options.timeoutFactor,
            replay: ([all]) => ({
              area: "replay",
              case: {
                id,
                title,
                requirements,
                runtimes: runtime,
                function: SHARED,
                steps: [{ together: { calls: all } }]
              }
            })
          }
        )
      }
    )
  }
  together(
    "together",
    "Calls at the same time by both doors have each their own answer",
    ["SP-012", "SP-013", "GR-001"],
    false
  )
  together(
    "hang-ups",
    "Clients that go away at any moment harm nobody else",
    ["SP-081", "GR-054", "GR-001"],
    true
  )

  const garbageTitle = "Bytes that mean nothing harm nobody else"
  const garbageRequirements = ["HG-091", "SP-030", "GR-060", "GR-061"]
  cases.add(
    "garbage",
    garbageTitle,
    garbageRequirements,
    { ...options, traits: ["socket", "http"] },
    async (bench) => {
      const session = newSession(bench, null)
      await checkProperty(
        fc.asyncProperty(garbage, (one) => playGarbage(one, session)),
        {
          context: bench.context,
          runs: runs ?? 100,
          withinMs: WITHIN_MS,
          timeoutFactor: bench.target.options.timeoutFactor,
          replay: ([one]) => ({
            area: "replay",
            case: {
              id: "garbage",
              title: garbageTitle,
              requirements: garbageRequirements,
              steps: [{ garbage: one }]
            }
          })
        }
      )
    }
  )
  return cases.all
}
