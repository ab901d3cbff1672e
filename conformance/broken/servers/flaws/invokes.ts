import { type Flaw, isObject, type Link, type Payload, payloadOf, refusal, requests } from "../Flaw.ts"
import type { Frame } from "../../../server/client/Frames.ts"

const INVOKE = [0x01]

/** A flaw of INVOKE's request. */
const invoke = (change: (payload: Payload, frame: Frame, link: Link) => Payload | null): Flaw =>
  requests(INVOKE, change)

const refuse = (frame: Frame, link: Link, detail: string): null => {
  link.toClient(refusal(frame, "FN_006", detail))
  return null
}

const MEMBERS = ["function_id", "method", "path", "query", "url", "headers", "body", "deadline_ms"]
const text = (value: unknown): value is string => typeof value === "string"

/** What is made of `headers` by name and value. */
const mapHeaders = (payload: Payload, change: (name: string, value: unknown) => unknown): Payload => {
  const { headers } = payload
  if (!isObject(headers)) return payload
  const entries = Object.entries(headers).map(([name, value]) => [name, change(name, value)] as const)
  return { ...payload, headers: Object.fromEntries(entries.filter(([, value]) => value !== undefined)) }
}

const isHeader = (name: string, value: unknown): boolean =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && (!text(value) || /^[\t\x20-\x7e\xa0-\xff]*$/.test(value))

const late = new Map<bigint, number>()

/** What an INVOKE asks for. */
export const invokes: Readonly<Record<string, Flaw>> = {
  // SP-047
  "knows-names-only": invoke((payload, frame, link) => {
    if (!/^func-[a-z0-9]{16}$/.test(String(payload["function_id"]))) return payload
    link.toClient(refusal(frame, "FN_001", "no function is called so"))
    return null
  }),
  // SP-048
  "posts-by-default": invoke((payload) => ({ method: "POST", path: "/index", ...payload })),
  // SP-049
  "null-is-a-value": invoke((payload, frame, link) =>
    MEMBERS.some((name) => payload[name] === null) ? refuse(frame, link, "null is no value") : payload
  ),
  // SP-050
  "refuses-unknown-members": invoke((payload, frame, link) =>
    Object.keys(payload).some((name) => !MEMBERS.includes(name))
      ? refuse(frame, link, "an unknown member")
      : payload
  ),
  // SP-051
  "makes-the-best-of-types": invoke(
    ({ body, deadline_ms, function_id, headers, method, path, query, url, ...rest }) => ({
      ...rest,
      function_id: String(function_id),
      ...(text(method) ? { method } : {}),
      ...(text(path) ? { path } : {}),
      ...(text(url) ? { url } : {}),
      ...(isObject(query) ? { query } : {}),
      ...(isObject(headers) ? { headers } : {}),
      ...(text(body) ? { body } : {}),
      ...(typeof deadline_ms === "number" ? { deadline_ms } : {})
    })
  ),
  // SP-052
  "methods-as-they-came": invoke((payload, frame, link) => {
    const { method } = payload
    return text(method) && /[a-z]/.test(method) ? refuse(frame, link, "no such method") : payload
  }),
  // SP-053
  "gets-what-it-does-not-know": invoke((payload) => {
    const { method } = payload
    return text(method) && !/^[a-z-]{3,16}$/i.test(method)
      ? { ...payload, method: "GET" }
      : text(method) && /^(brew|trace|connect)$/i.test(method)
        ? { ...payload, method: "GET" }
        : payload
  }),
  // SP-054
  "decodes-paths": invoke((payload) =>
    text(payload["path"])
      ? { ...payload, path: payload["path"].replaceAll(/%(?:2f|41)/gi, decodeURIComponent) }
      : payload
  ),
  // SP-055
  "one-value-per-query-key": invoke((payload) => {
    const { query } = payload
    if (!isObject(query)) return payload
    const last = (value: unknown): unknown => (Array.isArray(value) ? value.at(-1) : value)
    return {
      ...payload,
      query: Object.fromEntries(Object.entries(query).map(([key, value]) => [key, last(value)]))
    }
  }),
  // SP-056
  "sorts-queries": invoke((payload) => {
    const { url } = payload
    if (!text(url) || !url.includes("?")) return payload
    const [path = "", query = ""] = url.split("?")
    return { ...payload, url: `${path}?${query.split("&").toSorted().join("&")}` }
  }),
  // SP-057
  "mends-paths": invoke((payload) => {
    const mended = (value: string): string =>
      `/${value.replaceAll(/[^\x20-\x7e]/g, "").replace(/^.*?\/(?=[^/]*$)/, "")}`
    const { path, url } = payload
    const isPath = (value: unknown) =>
      !text(value) ||
      value === "" ||
      (value.startsWith("/") && JSON.stringify(value).length === value.length + 2)
    return {
      ...payload,
      ...(isPath(path) ? {} : { path: mended(path as string) }),
      ...(isPath(url) ? {} : { url: mended(url as string) })
    }
  }),
  // SP-058
  "last-header-wins": invoke((payload) =>
    mapHeaders(payload, (_, value) => (Array.isArray(value) ? value.at(-1) : value))
  ),
  // SP-059
  "forgets-what-connection-names": invoke((payload) =>
    mapHeaders(payload, (name, value) => (name.toLowerCase() === "connection" ? undefined : value))
  ),
  // SP-060
  "drops-bad-headers": invoke((payload) =>
    mapHeaders(payload, (name, value) => (isHeader(name, value) ? value : undefined))
  ),
  // SP-061
  "loses-a-byte": invoke((payload) => {
    const { body } = payload
    const bytes = text(body) ? Buffer.from(body, "base64") : Buffer.alloc(0)
    return bytes.length === 0 || bytes.toString("base64") !== body
      ? payload
      : { ...payload, body: bytes.subarray(0, -1).toString("base64") }
  }),
  // SP-062
  "any-base64": invoke((payload) =>
    text(payload["body"])
      ? { ...payload, body: Buffer.from(payload["body"], "base64").toString("base64") }
      : payload
  ),
  // SP-064
  "a-limit-too-low": {
    request: (frame, link) =>
      frame.payload.length > 13_000_000 && payloadOf(frame) !== null
        ? refuse(frame, link, "body: it is too large")
        : frame
  },
  // SP-065
  "posts-bodies": invoke((payload) => {
    const { body, method = "GET" } = payload
    return text(body) && body !== "" && /^get$/i.test(String(method))
      ? { ...payload, method: "POST" }
      : payload
  }),
  // SP-066
  "ignores-deadlines": invoke(({ deadline_ms, ...payload }) =>
    typeof deadline_ms === "number" && deadline_ms > 0 ? payload : { deadline_ms, ...payload }
  ),
  // SP-067: what the function's time-out ended is told when the caller's deadline has passed
  "deadlines-give-time": {
    request: (frame) => {
      const ms = payloadOf(frame)?.["deadline_ms"]
      if (frame.code === 0x01 && typeof ms === "number") late.set(frame.id, performance.now() + ms)
      return frame
    },
    answer: (answer, request) => {
      const until = request === null ? undefined : late.get(request.id)
      const isEarly = until !== undefined && performance.now() < until - 100
      return isEarly && payloadOf(answer)?.["code"] === "FN_002" ? [] : [answer]
    }
  },
  // SP-068
  "bounds-deadlines": invoke((payload) => {
    const { deadline_ms } = payload
    return typeof deadline_ms === "number"
      ? { ...payload, deadline_ms: Math.min(900_000, Math.max(10_000, deadline_ms)) }
      : payload
  })
}
