import { encodeFrame, type Frame } from "../../../server/client/Frames.ts"
import { type Flaw, type Link, payloadOf, refusal } from "../Flaw.ts"

const KNOWN = [0x01, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0a, 0x0e, 0x0f, 0x11, 0x12]
const WITH_MEMBERS = [0x01, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0a, 0x0f, 0x12]
const HEAD = 17

/** The bytes of a request's frame again. */
const lengthOf = (frame: Frame): number => HEAD + frame.payload.length

const said = (answer: Frame, words: string): boolean => Buffer.from(answer.payload).includes(words)

/** Answers that wait for those before them, by connection. */
const waiting = new WeakMap<Link, Array<{ readonly request: Frame; answer: Frame | null }>>()
const asked = new WeakMap<Link, number>()

/** From the second answer on: with the first one the suite looks whether there is a server at all. */
const later = (change: (answer: Frame) => ReadonlyArray<Frame | Uint8Array>): Flaw => {
  let count = 0
  return {
    answer: (answer) => {
      count += 1
      return count === 1 ? [answer] : change(answer)
    }
  }
}

/** Whole frames, their ids, lengths, order, and broken framing. */
export const frames: Readonly<Record<string, Flaw>> = {
  // SP-001
  "serves-few-connections": {
    connected: (link) => {
      const count = (asked.get(first) ?? 0) + 1
      asked.set(first, count)
      if (count > 1) link.close()
    }
  },
  // SP-007
  "big-endian-length": later((answer) => {
    const bytes = encodeFrame(answer)
    bytes.writeUInt32BE(answer.payload.length, 13)
    return [bytes]
  }),
  // SP-008, SP-009
  "reads-one-frame": {
    chunk: (bytes, link) => {
      const whole = bytes.length >= HEAD && bytes.readUInt32LE(0) + 4 === bytes.length
      if (!whole) link.close()
      return whole ? bytes : null
    }
  },
  // SP-010
  "frames-of-a-mebibyte": {
    request: (frame, link) => {
      if (lengthOf(frame) <= 1024 * 1024) return frame
      link.toClient(refusal(frame, "FN_006", "frame: it is too large"))
      link.close()
      return null
    }
  },
  // SP-011
  "ids-as-numbers": {
    answer: (answer) => [{ ...answer, id: BigInt.asUintN(64, BigInt(Number(answer.id))) }]
  },
  // SP-012
  "every-answer-twice": later((answer) => [answer, answer]),
  // SP-013
  "answers-in-order": {
    request: (frame, link) => {
      waiting.set(link, [...(waiting.get(link) ?? []), { request: frame, answer: null }])
      return frame
    },
    answer: (answer, request, link) => {
      const queue = waiting.get(link) ?? []
      const own = queue.find((one) => one.request === request)
      if (own === undefined) return [answer]
      own.answer = answer
      const ready: Array<Frame> = []
      for (let one = queue[0]; one !== undefined && one.answer !== null; one = queue[0]) {
        ready.push(one.answer)
        queue.shift()
      }
      return ready
    }
  },
  // SP-014
  "forgets-equal-ids": {
    request: (frame, { inFlight }) => ((inFlight.get(frame.id)?.length ?? 0) > 1 ? null : frame)
  },
  // SP-015
  "a-status-of-its-own": later((answer) => [{ ...answer, code: answer.code + 3 }]),
  // SP-016
  "payloads-in-lists": later((answer) => [
    { ...answer, payload: Buffer.concat([Buffer.from("["), answer.payload, Buffer.from("]")]) }
  ]),
  // SP-017
  "empty-is-no-payload": {
    request: (frame, link) => {
      if (frame.payload.length > 0) return frame
      link.toClient(refusal(frame, "FN_006", "payload: is empty"))
      return null
    }
  },
  // SP-018
  "replaces-bad-utf8": {
    request: (frame) => ({ ...frame, payload: Buffer.from(new TextDecoder().decode(frame.payload)) })
  },
  // SP-019, SP-020
  "garbage-is-its-own-fault": {
    request: (frame, link) => {
      if (!WITH_MEMBERS.includes(frame.code) || frame.payload.length === 0 || payloadOf(frame) !== null)
        return frame
      link.toClient(refusal(frame, "FN_004", "an internal error"))
      return null
    }
  },
  // SP-020
  "takes-any-json": {
    request: (frame) => {
      if (!WITH_MEMBERS.includes(frame.code) || payloadOf(frame) !== null) return frame
      try {
        JSON.parse(Buffer.from(frame.payload).toString())
        return { ...frame, code: 0x11, payload: Buffer.alloc(0) }
      } catch {
        return frame
      }
    }
  },
  // SP-021, SP-022
  "ignores-unknown-commands": {
    request: (frame, link) => {
      if (KNOWN.includes(frame.code)) return frame
      link.toClient(refusal(frame, "FN_004", "an internal error"))
      return null
    }
  },
  // SP-022
  "reserved-commands-do-nothing": {
    request: (frame) =>
      KNOWN.includes(frame.code) || frame.code === 0 || frame.code > 0x12 ? frame : { ...frame, code: 0x11 }
  },
  // SP-023
  "hangs-up-after-a-refusal": {
    answer: (answer, _, link) => {
      if (answer.code !== 0) setImmediate(() => link.close())
      return [answer]
    }
  },
  // SP-024, SP-025, SP-027
  "says-nothing-of-broken-frames": { broken: (_, link) => (link.close(), null) },
  // SP-026
  "answers-without-an-id": {
    broken: (bytes, link) => {
      if (bytes.readUInt32LE(0) < 8) link.toClient(refusal({ id: 0n }, "FN_006", "frame: it is too short"))
      return bytes
    }
  },
  // SP-028, SP-029
  "skips-broken-frames": {
    broken: (bytes, link) => {
      const id = bytes.length < 12 ? 0n : bytes.readBigUInt64LE(4)
      // whatever looks like a PING behind it is carried out
      const ping = bytes.indexOf(Buffer.from([0x0d, 0, 0, 0]), 4)
      const goOn = (): void => {
        if (link.inFlight.size > 0) {
          setTimeout(goOn, 5)
          return
        }
        link.toClient(refusal({ id }, "FN_006", "frame: it is broken"))
        if (ping !== -1) link.toServer(bytes.subarray(ping))
      }
      goOn()
      return null
    }
  },
  // SP-030
  "one-broken-frame-ends-all": {
    broken: (bytes, { all }) => {
      for (const link of all) link.close()
      return bytes
    }
  },
  // SP-031
  "completes-torn-frames": {
    torn: (bytes) => {
      if (bytes.length < HEAD) return bytes
      const missing = bytes.readUInt32LE(0) + 4 - bytes.length
      const rest = bytes.subarray(HEAD).toString()
      const ending =
        ["}", '"}', '"}}', "}}", " ", "'}"].find((one) => one.length <= missing && isJson(rest + one)) ?? ""
      return Buffer.concat([bytes, Buffer.from(ending.padEnd(missing))])
    }
  },
  // SP-036
  "dropped-answers-are-faults": {
    answer: (answer) =>
      answer.code === 1 && said(answer, "the answer was dropped")
        ? [refusal(answer, "FN_004", "an internal error")]
        : [answer]
  },
  // SP-038, SP-040
  "hangs-up-when-it-is-full": {
    answer: (answer, _, link) => {
      if (answer.code === 1 && said(answer, "FN_007")) setImmediate(() => link.close())
      return [answer]
    }
  },
  // SP-037
  "hundred-in-flight": {
    request: (frame, link) => {
      if ([...link.inFlight.values()].flat().length <= 100) return frame
      link.toClient(refusal(frame, "FN_007", "too many requests in flight"))
      return null
    }
  }
}

const first = {} as Link

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
