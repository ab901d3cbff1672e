import {
  type Flaw,
  isObject,
  answers as flawOf,
  type Payload,
  payloadOf,
  refusals,
  refusal,
  without
} from "../Flaw.ts"
import type { Frame } from "../../../server/client/Frames.ts"

const INVOKE = [0x01]
const PING = [0x11]

/** A flaw of the answer to an INVOKE whose function gave a response. */
const response = (change: (payload: Payload, answer: Frame, request: Frame) => Payload | Frame): Flaw =>
  flawOf(INVOKE, (payload, answer, request) =>
    payload["success"] === true ? change(payload, answer, request) : payload
  )

/** A flaw of the answer to an INVOKE that was taken and failed. */
const failure = (change: (payload: Payload, answer: Frame) => Payload | Frame): Flaw =>
  flawOf(INVOKE, (payload, answer) => (payload["success"] === false ? change(payload, answer) : payload))

const methodOf = (request: Frame): string => String(payloadOf(request)?.["method"] ?? "GET").toUpperCase()
const headersOf = ({ headers }: Payload): Payload => (isObject(headers) ? headers : {})
const listOf = ({ header_list }: Payload): ReadonlyArray<readonly [string, string]> =>
  header_list as ReadonlyArray<readonly [string, string]>

const added = (payload: Payload, name: string, value: string): Payload => ({
  ...payload,
  headers: { ...headersOf(payload), [name]: value },
  header_list: [...listOf(payload), [name, value]]
})

/** What answers and refusals say. */
export const answers: Readonly<Record<string, Flaw>> = {
  // SP-041
  "everything-is-not-found": { answer: (answer) => [answer.code === 1 ? { ...answer, code: 2 } : answer] },
  // SP-042
  "problem-as-object": refusals((payload) => ({
    ...payload,
    problem: JSON.parse(String(payload["problem"])) as Payload
  })),
  // SP-043
  "no-code": refusals((payload) => without(payload, "code")),
  // SP-044
  "no-problem": refusals((payload) => without(payload, "problem")),
  // SP-045
  "says-no-version": flawOf(PING, (payload) => without(payload, "version")),
  // SP-046
  "says-no-runtimes": flawOf(PING, (payload) => without(payload, "runtimes")),
  // SP-069
  "bad-statuses-are-failures": response((payload) =>
    Number(payload["status"]) < 400
      ? payload
      : { ...payload, success: false, error: "the function failed", code: "FN_004" }
  ),
  // SP-070
  "headers-as-lists": response((payload) => ({
    ...payload,
    headers: Object.fromEntries(Object.entries(headersOf(payload)).map(([name, value]) => [name, [value]]))
  })),
  // SP-071
  "joins-cookies-in-the-map": response((payload) => {
    const cookies = listOf(payload).filter(([name]) => name === "set-cookie")
    return cookies.length < 2
      ? payload
      : {
          ...payload,
          headers: { ...headersOf(payload), "set-cookie": cookies.map(([, value]) => value).join(", ") }
        }
  }),
  // SP-072
  "each-header-once": response((payload) => ({
    ...payload,
    header_list: [...new Map(listOf(payload).map((pair) => [pair[0], pair])).values()]
  })),
  // SP-097
  "passes-on-hops": response((payload) => added(payload, "keep-alive", "timeout=7")),
  // SP-098
  "passes-on-lengths": response((payload) => added(payload, "content-length", "3")),
  // SP-073
  "bodies-as-text": response((payload) => ({
    ...payload,
    body: Buffer.from(String(payload["body"]), "base64").toString()
  })),
  // SP-074
  "bodies-of-heads": response((payload, _, request) =>
    methodOf(request) === "HEAD" ? { ...payload, body: "MDEyMzQ1Njc4OQ==" } : payload
  ),
  // SP-075
  "exact-times": response((payload) => ({
    ...payload,
    execution_time_ms: Number(payload["execution_time_us"]) / 1000 + 0.0001
  })),
  // SP-076
  "ids-of-its-own": response((payload) => ({ ...payload, execution_id: crypto.randomUUID() })),
  // SP-077
  "failures-are-refusals": failure((payload, answer) => ({
    ...answer,
    code: 1,
    payload: Buffer.from(
      JSON.stringify({
        error: payload["error"],
        code: payload["code"],
        execution_id: payload["execution_id"],
        problem: JSON.stringify(payload)
      })
    )
  })),
  // SP-078
  "failures-without-problems": failure(({ code, error, execution_id, success }) => ({
    code,
    error,
    execution_id,
    success
  })),
  // SP-079
  "missing-functions-fail": {
    answer: (answer, request) => {
      if (request?.code !== 0x01 || answer.code !== 2) return [answer]
      const { code, error } = payloadOf(answer) ?? {}
      return [{ ...answer, code: 0, payload: Buffer.from(JSON.stringify({ success: false, error, code })) }]
    }
  },
  // SP-080
  "hangs-up-on-large-answers": {
    answer: (answer, request, link) => {
      const payload = request?.code === 0x01 ? payloadOf(answer) : null
      if (payload?.["success"] !== false || !String(payload["title"]).includes("too large")) return [answer]
      link.close()
      return []
    }
  },
  // SP-063: FN_006 without the status
  "one-status-for-fn-006": refusals((payload) => ({
    ...payload,
    problem: JSON.stringify({
      ...(JSON.parse(String(payload["problem"])) as Payload),
      ...(payload["code"] === "FN_006" ? { status: 400 } : {})
    })
  })),
  // ER-015
  "another-title": failure((payload) => ({ ...payload, title: "Error" })),
  // SP-041
  "not-found-is-an-error": {
    answer: (answer) => (answer.code === 2 ? [refusal(answer, "FN_006", "no such function")] : [answer])
  }
}
