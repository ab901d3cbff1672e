import { type Flaw, type HttpAnswer, type HttpHead, type Payload, valueOf, withHeaders } from "../Flaw.ts"

interface Failure {
  readonly code: string
  readonly status: number
}

/** Failures over HTTP of this code and status are told as another. */
const told = (
  from: Partial<Failure>,
  to: Partial<Failure>,
  change: (problem: Payload) => Payload = (problem) => problem
): Flaw => ({
  httpAnswer: (answer) => {
    const code = valueOf(answer.headers, "x-function-error")
    const isOther = (from.code ?? code) !== code || (from.status ?? answer.status) !== answer.status
    if (code === undefined || isOther || answer.body.length === 0) return answer
    const now = { code, status: answer.status, ...to }
    const problem = change(JSON.parse(answer.body.toString()) as Payload)
    const document = { ...problem, ...now, type: `urn:bunbase:problem:${now.code}` }
    return {
      status: now.status,
      headers: withHeaders(answer.headers, { "x-function-error": now.code }),
      body: Buffer.from(JSON.stringify(document))
    }
  }
})

const changed = (change: (answer: HttpAnswer, request: HttpHead) => HttpAnswer): Flaw => ({
  httpAnswer: change
})
const rewritten = (change: (head: HttpHead) => HttpHead): Flaw => ({ httpRequest: change })

/** Which failure is told as which, over HTTP. */
export const mapping: Readonly<Record<string, Flaw>> = {
  // ER-021, LC-003
  "errors-unknown-functions-are-routes": told({ code: "FN_001" }, { code: "FN_006" }),
  // HG-070, ER-035, ER-036
  "errors-bundles-are-conflicts": told({ code: "FN_005" }, { status: 409 }),
  // ER-018
  "errors-always-hidden": told({ code: "FN_004" }, {}, (problem) => ({
    ...problem,
    detail: "the function threw an error"
  })),
  // ER-027, ER-028
  "errors-of-handlers-are-bad-gateways": told({ code: "FN_004", status: 500 }, { status: 502 }),
  // HG-047, ER-031
  "errors-of-gateways-are-faults": told({ code: "FN_004", status: 502 }, { status: 500 }),
  // HG-060
  "http-always-creates": changed((answer, { line }) =>
    line.startsWith("POST /api/functions ") && answer.status === 200 ? { ...answer, status: 201 } : answer
  ),
  // ER-038
  "errors-of-fields-are-unprocessable": told({ code: "FN_006", status: 400 }, { status: 422 }),
  // HG-029, ER-039
  "errors-of-size-are-bad-requests": told({ status: 413 }, { status: 400 }),
  // HG-058, ER-040
  "errors-of-paths-are-bad-requests": told({ code: "FN_006", status: 404 }, { status: 400 }),
  // HG-035, ER-042
  "errors-full-is-unavailable": told({ code: "FN_007" }, { code: "FN_008", status: 503 }),
  // ER-048
  "errors-strangers-find-nothing": told({ code: "FN_009", status: 403 }, { code: "FN_006", status: 404 }),
  // ER-047
  "errors-without-a-key-are-forbidden": told({ status: 401 }, { status: 403 }),
  // ER-025, ER-026, GR-024, GR-091
  "errors-of-memory-are-crashes": told({ code: "FN_003" }, { code: "FN_004", status: 502 }),
  // HG-095
  "errors-of-the-end-are-faults": told({ code: "FN_008" }, { code: "FN_004", status: 500 }),
  // HG-074
  "http-one-violation": told({ code: "FN_006", status: 400 }, {}, (problem) => ({
    ...problem,
    violations: (problem["violations"] as ReadonlyArray<unknown>).slice(0, 1)
  })),
  // HG-007
  "http-calls-the-index": rewritten(({ headers, line }) => ({
    headers,
    line: line.replace(/^(\S+ \/functions\/[^/? ]+)(?=[? ])/, "$1/index.html")
  })),
  // HG-012
  "http-drops-fragments": rewritten(({ headers, line }) => ({ headers, line: line.replace(/#\S*/, "") })),
  // HG-024
  "http-first-host-wins": rewritten(({ headers, line }) => {
    const first = headers.find(([name]) => name.toLowerCase() === "host")
    return { line, headers: headers.filter((pair) => pair[0].toLowerCase() !== "host" || pair === first) }
  }),
  // HG-030
  "http-reads-what-is-too-large": changed((answer) =>
    answer.status === 413 ? { ...answer, status: 202 } : answer
  ),
  // HG-037
  "http-drops-headers": changed((answer) => ({
    ...answer,
    headers: answer.headers.filter(([name]) => !/^x-(?!function|inv)/i.test(name))
  })),
  // HG-079
  "http-describes-itself-in-2": changed((answer, { line }) =>
    line.startsWith("GET /api/openapi.json")
      ? {
          ...answer,
          body: Buffer.from(answer.body.toString().replace(/"openapi":"3[^"]*"/, '"swagger":"2.0"'))
        }
      : answer
  )
}
