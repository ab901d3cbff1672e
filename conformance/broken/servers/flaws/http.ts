import {
  type Flaw,
  type HttpAnswer,
  type HttpHead,
  type Payload,
  problems,
  valueOf,
  withHeaders,
  without
} from "../Flaw.ts"

/** A flaw of a request's target behind its method. */
const target = (change: (target: string) => string): Flaw => ({
  httpRequest: ({ headers, line }) => {
    const [method = "", path = "", version = ""] = line.split(" ")
    return {
      headers,
      line: [method, path.startsWith("/functions/") ? change(path) : path, version].join(" ")
    }
  }
})

const answer = (change: (answer: HttpAnswer, request: HttpHead) => HttpAnswer): Flaw => ({
  httpAnswer: change
})

/** A flaw of the answers of the management API that have a JSON object. */
const managed = (change: (value: Payload, answer: HttpAnswer) => Payload): Flaw =>
  answer((one, { line }) => {
    if (!/^\S+ \/api\//.test(line) || one.body.length === 0 || one.status >= 400) return one
    return {
      ...one,
      body: Buffer.from(JSON.stringify(change(JSON.parse(one.body.toString()) as Payload, one)))
    }
  })

const pathOf = ({ line }: HttpHead): string => line.split(" ")[1] ?? ""
const setHeaders = (changes: Readonly<Record<string, string | null>>): Flaw =>
  answer((one) => ({ ...one, headers: withHeaders(one.headers, changes) }))
const LOCAL = "localhost"

/** The gateway over HTTP, beside its failures. */
export const http: Readonly<Record<string, Flaw>> = {
  // HG-008
  "http-decodes-paths": target((path) => path.replaceAll(/%(?:2f|41)/gi, decodeURIComponent)),
  // HG-009
  "http-loses-repeated-keys": target((path) => {
    const [before = "", query] = path.split("?")
    if (query === undefined) return path
    const pairs = new Map(query.split("&").map((pair) => [pair.split("=")[0], pair]))
    return `${before}?${[...pairs.values()].join("&")}`
  }),
  // HG-013
  "http-posts-what-it-puts": {
    httpRequest: ({ headers, line }) => ({
      headers,
      line: line.replace(/^PUT \/functions\//, "POST /functions/")
    })
  },
  // HG-018
  "http-cuts-values": {
    httpRequest: ({ headers, line }) => ({
      line,
      headers: headers.map(([name, value]) => [name, /^x-/i.test(name) ? (value.split(";")[0] ?? "") : value])
    })
  },
  // HG-020
  "http-last-header-wins": {
    httpRequest: ({ headers, line }) => ({
      line,
      headers: [...new Map(headers.map((pair) => [pair[0].toLowerCase(), pair])).values()]
    })
  },
  // HG-022
  "http-forgets-what-connection-names": {
    httpRequest: ({ headers, line }) => ({
      line,
      headers: headers.filter(([name]) => name.toLowerCase() !== "connection")
    })
  },
  // HG-023
  "http-has-its-own-host": {
    httpRequest: ({ headers, line }) => ({
      line,
      headers: line.includes(" /functions/") ? withHeaders(headers, { host: LOCAL }) : headers
    })
  },
  // HG-036
  "http-all-is-well": answer((one) =>
    one.status > 299 && valueOf(one.headers, "x-function-error") === undefined ? { ...one, status: 200 } : one
  ),
  // HG-038
  "http-joins-cookies": answer((one) => {
    const cookies = one.headers
      .filter(([name]) => name.toLowerCase() === "set-cookie")
      .map(([, value]) => value)
    return cookies.length === 0
      ? one
      : { ...one, headers: withHeaders(one.headers, { "set-cookie": cookies.join(", ") }) }
  }),
  // HG-039
  "http-passes-on-hops": setHeaders({ upgrade: "h2c" }),
  // HG-041
  "http-loses-a-byte": answer((one, request) =>
    pathOf(request).startsWith("/functions/") && one.status === 200
      ? { ...one, body: one.body.subarray(0, -1) }
      : one
  ),
  // HG-042
  "http-invents-types": answer((one) =>
    valueOf(one.headers, "content-type") === undefined
      ? { ...one, headers: withHeaders(one.headers, { "content-type": "text/html" }) }
      : one
  ),
  // HG-043
  "http-heads-have-no-length": answer((one, { line }) =>
    line.startsWith("HEAD ") ? { ...one, headers: withHeaders(one.headers, { "content-length": "0" }) } : one
  ),
  // HG-045
  "http-hides-redirects": answer((one) =>
    one.status === 302 ? { ...one, status: 200, headers: withHeaders(one.headers, { location: null }) } : one
  ),
  // HG-049
  "http-says-no-id": setHeaders({ "x-invocation-id": null }),
  // HG-050
  "http-has-its-own-ids": answer((one) =>
    valueOf(one.headers, "x-invocation-id") === undefined
      ? one
      : { ...one, headers: withHeaders(one.headers, { "x-invocation-id": crypto.randomUUID() }) }
  ),
  // HG-051, HG-052
  "http-ids-are-random": answer((one, request) =>
    valueOf(one.headers, "x-invocation-id") === undefined ||
    valueOf(request.headers, "x-invocation-id") !== undefined
      ? one
      : { ...one, headers: withHeaders(one.headers, { "x-invocation-id": `4${crypto.randomUUID()}` }) }
  ),
  // HG-054
  "http-health-in-words": answer((one, request) =>
    pathOf(request).startsWith("/health") && one.status === 200 && !request.line.startsWith("HEAD")
      ? { ...one, body: Buffer.from("healthy") }
      : one
  ),
  // HG-056
  "http-ready-says-little": answer((one, request) =>
    pathOf(request) === "/ready" && request.line.startsWith("GET")
      ? { ...one, body: Buffer.from('{"ready":true}') }
      : one
  ),
  // HG-057, HG-077, ER-041
  "http-no-allow": setHeaders({ allow: null }),
  // HG-059
  "http-created-is-ok": answer((one) =>
    one.status === 201 ? { ...one, status: 200, headers: withHeaders(one.headers, { location: null }) } : one
  ),
  // HG-061
  "http-lists-backwards": managed((value) => ({
    ...value,
    ...(Array.isArray(value["functions"])
      ? { functions: (value["functions"] as ReadonlyArray<unknown>).toReversed() }
      : {})
  })),
  // LC-009
  "http-shows-secrets": managed((value) =>
    Array.isArray(value["env"]) && value["env"].length > 0
      ? { ...value, env_values: ["sesame-4711", "sesame-open-4711"] }
      : value
  ),
  // HG-064
  "http-newest-version-first": managed((value) => ({
    ...value,
    ...(Array.isArray(value["versions"])
      ? { versions: (value["versions"] as ReadonlyArray<unknown>).toReversed() }
      : {})
  })),
  // HG-096
  "http-rolls-back-without-a-word": managed((value) => without(value, "replaced")),
  // HG-100
  "http-resets-without-a-word": managed((value) => without(value, "was_quarantined")),
  // HG-080
  "http-caches-management": answer((one, request) =>
    pathOf(request).startsWith("/api")
      ? { ...one, headers: withHeaders(one.headers, { "cache-control": "max-age=60" }) }
      : one
  ),
  // HG-081
  "http-asks-for-no-key": setHeaders({ "www-authenticate": null }),
  // HG-084
  "http-any-host": {
    httpRequest: ({ headers, line }) => ({
      line,
      headers: line.includes(" /api/") ? withHeaders(headers, { host: LOCAL }) : headers
    })
  },
  // HG-085, HG-086
  "http-any-origin": {
    httpRequest: ({ headers, line }) => ({
      line,
      headers: withHeaders(headers, { origin: null, "sec-fetch-site": null })
    })
  },
  // HG-091
  "http-garbage-ends-all": { httpGarbage: (closeAll) => closeAll() },
  // HG-062
  "http-knows-no-ids": {
    httpAnswer: (one, request) =>
      /^\/(api\/)?functions\/func-/.test(pathOf(request)) && request.line.startsWith("GET") ? null : one
  }
}

const leaked = "Error: it failed\n    at handler (/srv/bundles/x/v1/bundle.js:1:7)"

/** The problem documents over HTTP. */
export const errors: Readonly<Record<string, Flaw>> = {
  // ER-001
  "errors-as-text": answer((one) =>
    one.status >= 400 ? { ...one, headers: withHeaders(one.headers, { "content-type": "text/plain" }) } : one
  ),
  // ER-002
  "errors-without-titles": problems((problem) => without(problem, "title")),
  // ER-003
  "errors-about-blank": problems((problem) => ({ ...problem, type: "about:blank" })),
  // ER-004
  "errors-all-500": problems((problem) => ({ ...problem, status: 500 })),
  // ER-005
  "errors-of-more-kinds": problems(
    (problem) => ({ ...problem, code: "FN_010", type: "urn:bunbase:problem:FN_010" }),
    { "x-function-error": "FN_010" }
  ),
  // ER-006
  "errors-without-header": problems((problem) => problem, { "x-function-error": null }),
  // ER-007
  "errors-without-ids": problems((problem) => without(problem, "invocation_id")),
  // ER-008
  "errors-without-words": problems((problem) => ({ ...problem, detail: "" })),
  // ER-009
  "errors-may-be-cached": problems((problem) => problem, { "cache-control": null }),
  // ER-010
  "errors-without-retry-after": problems((problem) => problem, { "retry-after": null }),
  // ER-011
  "errors-without-seconds": problems((problem) => without(problem, "retry_after_seconds")),
  // ER-012
  "errors-without-violations": problems((problem) => without(problem, "violations")),
  // ER-014
  "errors-all-retryable": problems((problem) => ({ ...problem, retryable: true })),
  // ER-016, ER-019
  "errors-with-stacks": problems((problem) => ({ ...problem, stack: leaked })),
  // ER-023, ER-029, ER-044: one code for whatever went wrong with a worker
  "errors-of-one-kind": {
    httpAnswer: (one) => {
      const code = valueOf(one.headers, "x-function-error")
      if (code !== "FN_002" && code !== "FN_003" && code !== "FN_004" && code !== "FN_008") return one
      const problem = {
        ...(JSON.parse(one.body.toString()) as Payload),
        code: "FN_004",
        type: "urn:bunbase:problem:FN_004",
        status: 500
      }
      return {
        status: 500,
        headers: withHeaders(one.headers, { "x-function-error": "FN_004" }),
        body: Buffer.from(JSON.stringify(problem))
      }
    }
  },
  // ER-017
  "errors-with-the-handlers-words": {
    httpAnswer: (one, request) => {
      const [, words] = /[?&]message=([^&]*)/.exec(pathOf(request)) ?? []
      if (words === undefined || valueOf(one.headers, "x-function-error") === undefined) return one
      const problem = JSON.parse(one.body.toString()) as Payload
      return {
        ...one,
        body: Buffer.from(JSON.stringify({ ...problem, detail: `the function threw: ${words}` }))
      }
    }
  }
}
