import { type Flaw, answers, type Payload, payloadOf, refusal, refusals, requests, without } from "../Flaw.ts"
import { encodeFrame } from "../../../server/client/Frames.ts"

const REGISTER = [0x04]
const DEPLOY = [0x05]
const VERSIONS = [0x06]
const LIST = [0x0e]
const GET = [0x0f]
const DELETE = [0x08, 0x09]
const ROLLBACK = [0x0a]
const RESET = [0x12]
const OF_A_FUNCTION = [0x05, 0x06, 0x08, 0x09, 0x0a, 0x0f, 0x12]
const MEMBERS: Readonly<Record<number, ReadonlyArray<string>>> = {
  0x05: ["function_id", "version", "bundle", "bundle_path", "source_map"],
  0x06: ["function_id"],
  0x08: ["function_id"],
  0x09: ["function_id", "version"],
  0x0a: ["function_id", "version"],
  0x0f: ["function_id"],
  0x12: ["function_id"]
}

const problemOf = (payload: Payload): Payload => JSON.parse(String(payload["problem"])) as Payload

/** The management commands. */
export const management: Readonly<Record<string, Flaw>> = {
  // SP-083
  "registers-without-a-word": answers(REGISTER, (payload) => ({ function_id: payload["function_id"] ?? "" })),
  // SP-084
  "pretends-to-deploy-paths": {
    request: (frame, link) => {
      const payload = frame.code === 0x05 ? payloadOf(frame) : null
      if (payload === null || !("bundle_path" in payload)) return frame
      const said = { name: payload["function_id"], version: payload["version"], status: "deployed" }
      link.toClient(encodeFrame({ id: frame.id, code: 0, payload: JSON.stringify(said) }))
      return null
    }
  },
  // SP-085
  "deploys-another-text": requests(DEPLOY, (payload) =>
    "bundle" in payload ? { ...payload, bundle: "export default () => new Response()" } : payload
  ),
  // SP-086
  "newest-version-first": answers(VERSIONS, (payload) => ({
    ...payload,
    versions: (payload["versions"] as ReadonlyArray<unknown> | undefined)?.toReversed()
  })),
  // SP-087
  "lists-nothing": answers(LIST, (payload) => ({ ...payload, functions: [] })),
  // SP-087
  "lists-backwards": answers(LIST, (payload) => ({
    ...payload,
    functions: (payload["functions"] as ReadonlyArray<unknown> | undefined)?.toReversed()
  })),
  // SP-088
  "shows-a-part": answers(GET, (payload, answer) =>
    answer.code === 0 ? { function_id: payload["function_id"] } : payload
  ),
  // SP-099, SP-100
  "deletes-without-a-word": answers(DELETE, (payload, answer) => (answer.code === 0 ? {} : payload)),
  // SP-101
  "rolls-back-without-a-word": answers(ROLLBACK, (payload) => without(payload, "replaced")),
  // SP-102
  "resets-without-a-word": answers(RESET, (payload) => without(payload, "was_quarantined")),
  // SP-103
  "unknown-versions-are-errors": {
    answer: (answer, request) =>
      answer.code === 2 && "version" in ((request === null ? null : payloadOf(request)) ?? {})
        ? [refusal(answer, "FN_006", "version: there is no such version")]
        : [answer]
  },
  // SP-089
  "unknown-functions-are-errors": {
    answer: (answer, request) =>
      answer.code === 2 && OF_A_FUNCTION.includes(request?.code ?? 0)
        ? [refusal(answer, "FN_006", "function_id: there is no such function")]
        : [answer]
  },
  // SP-090
  "drops-unknown-members": requests(OF_A_FUNCTION, (payload, { code }) =>
    Object.fromEntries(Object.entries(payload).filter(([name]) => MEMBERS[code]?.includes(name)))
  ),
  // SP-091
  "one-violation": refusals((payload) => {
    const problem = problemOf(payload)
    const violations = problem["violations"] as ReadonlyArray<unknown> | undefined
    return violations === undefined
      ? payload
      : { ...payload, problem: JSON.stringify({ ...problem, violations: violations.slice(0, 1) }) }
  }),
  // SP-092
  "any-size": {
    request: (frame) => {
      if (frame.code === 0x01 || frame.code === 0x05 || frame.payload.length <= 1024 * 1024) return frame
      return { ...frame, code: 0x11, payload: Buffer.alloc(0) }
    }
  },
  // SP-093
  "bad-bundles-are-requests": answers(DEPLOY, (payload, answer) => {
    if (payload["code"] !== "FN_005") return payload
    const problem = { ...problemOf(payload), code: "FN_006", status: 400 }
    return {
      ...answer,
      payload: Buffer.from(JSON.stringify({ ...payload, code: "FN_006", problem: JSON.stringify(problem) }))
    }
  })
}
