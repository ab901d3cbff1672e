import fc from "fast-check"
import type { PropertyDefinition, StepData } from "./property.ts"

/** A header's name; some are the connection's, or the worker's own to fill. */
const reserved = new Set([
  "host",
  "cookie",
  "set-cookie",
  "x-invocation-id",
  "traceparent",
  "content-length",
  "transfer-encoding",
  "connection",
  "content-type",
  "x-seen",
  // no key of a map in every language
  "__proto__"
])
/** One that began with a dollar would be a matcher. */
const headerName = fc
  .stringMatching(/^[a-z0-9!#%&'*+.^_`|~-][a-z0-9!#$%&'*+.^_`|~-]{0,19}$/)
  .filter((name) => !reserved.has(name))
/** What HTTP can send, without blanks at the ends. */
const headerValue = fc.stringMatching(
  /^([\x21-\x7e\xa1-\xff]([\x20-\x7e\xa0-\xff]{0,30}[\x21-\x7e\xa1-\xff])?)?$/
)
const headers = fc.dictionary(headerName, headerValue, { maxKeys: 8, noNullPrototype: true })

const method = fc.oneof(
  fc.constantFrom("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"),
  fc.stringMatching(/^[A-Z][A-Z.-]{0,10}$/).filter((name) => !/^(CONNECT|TRACE|TRACK|GET|HEAD)$/.test(name))
)
const text = fc.oneof(fc.string({ unit: "grapheme", maxLength: 12 }), fc.string({ maxLength: 12 }))
const path = fc
  .array(text, { maxLength: 4 })
  .map((segments) => `/${segments.map((segment) => encodeURIComponent(segment.toWellFormed())).join("/")}`)
  // these the URL standard resolves; a path that begins with two slashes is no path for some libraries
  .filter((whole) => !/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(whole) && !whole.startsWith("//"))
const bytes = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1_000, maxLength: 70_000 }) }
)
const base64 = (value: Uint8Array | string): string => Buffer.from(value).toString("base64")
const id = fc.oneof(fc.uuid(), fc.string({ unit: "grapheme", maxLength: 20 }), fc.string({ maxLength: 40 }))

const anyOrder = (entries: ReadonlyArray<readonly [string, string]>): StepData => ({
  $all: entries.map(([name, value]) => ({ $some: [name, value] }))
})

/** Method, path, query, headers and body as they come, for workers of every language. */
const requests: PropertyDefinition = {
  name: "requests",
  title: "Whatever a request is, the handler sees it, and what it gives back comes back",
  requirements: ["WP-070", "WP-071", "WP-075", "WP-079", "WP-090", "WP-096"],
  function: "echo",
  runs: 150,
  steps: () =>
    fc
      .record({
        id,
        method,
        path,
        headers,
        bytes,
        query: fc.dictionary(
          fc.stringMatching(/^[A-Za-z0-9_ü☃ &=+%-]{1,8}$/),
          text.map((value) => value.toWellFormed()),
          { maxKeys: 4, noNullPrototype: true }
        )
      })
      .map(({ id: ownId, method: ownMethod, path: ownPath, headers: own, bytes: body, query }) => {
        const raw = new URLSearchParams(query).toString()
        return [
          {
            invoke: {
              id: ownId.toWellFormed(),
              method: ownMethod,
              path: ownPath,
              url: raw === "" ? ownPath : `${ownPath}?${raw}`,
              headers: own,
              query,
              body: base64(body),
              answer: {
                status: 200,
                base64: base64(body),
                headers: {
                  "x-seen": {
                    $json: {
                      method: ownMethod,
                      path: ownPath,
                      query: { $length: Object.keys(query).length, ...anyOrder(Object.entries(query)) },
                      headers: anyOrder(Object.entries(own))
                    }
                  }
                }
              }
            }
          }
        ]
      })
}

/** The headers as the standard's own class holds them. */
const standardHeaders = (
  sent: Readonly<Record<string, string | ReadonlyArray<string>>>,
  ownId: string
): ReadonlyArray<readonly [string, string]> => {
  const all = new Headers()
  for (const [name, held] of Object.entries(sent))
    for (const value of typeof held === "string" ? [held] : held) all.append(name, value)
  all.set("x-invocation-id", ownId)
  return [...all]
}

/** The Request of JavaScript, exactly: address with repeated keys, headers with arrays. */
const standardRequests: PropertyDefinition = {
  name: "standard-requests",
  title: "A Request has exactly the method, address, headers and body that were sent",
  requirements: ["WP-070", "WP-072", "WP-075", "WP-076", "WP-077", "WP-079"],
  needs: { javascript: true, protocol: "1.1" },
  function: "js/request",
  runs: 150,
  steps: () =>
    fc
      .record({
        id: fc.stringMatching(/^[A-Za-z0-9._:-]{1,30}$/),
        method,
        path,
        query: fc.oneof(fc.constant(""), fc.stringMatching(/^\?[A-Za-z0-9&=+%._~;:@!$()*,/?#-]{0,60}$/)),
        headers: fc.dictionary(
          headerName,
          fc.oneof(headerValue, fc.array(headerValue, { minLength: 1, maxLength: 4 })),
          { maxKeys: 8, noNullPrototype: true }
        ),
        text: fc.string({ unit: "grapheme", maxLength: 40 }).map((value) => value.toWellFormed())
      })
      .map(({ query, path: ownPath, ...own }) => [
        {
          invoke: {
            id: own.id,
            method: own.method,
            path: ownPath,
            url: ownPath + query,
            headers: own.headers,
            text: own.text,
            answer: {
              status: 200,
              json: {
                method: own.method,
                url: `http://localhost${ownPath}${query.replaceAll("#", "%23")}`,
                headers: standardHeaders(own.headers, own.id),
                // a body that begins with a mark for the order of bytes loses it as text
                text: own.text.replace(/^\uFEFF/, "")
              }
            }
          }
        }
      ])
}

/** Status, headers and body of an answer. */
const answers: PropertyDefinition = {
  name: "answers",
  title: "Whatever the handler answers comes out as it was given",
  requirements: ["WP-090", "WP-093", "WP-094", "WP-096"],
  function: "script",
  runs: 150,
  steps: () =>
    fc
      .record({
        id,
        status: fc.integer({ min: 200, max: 599 }).filter((status) => ![204, 205, 304].includes(status)),
        headers,
        bytes
      })
      .map(({ id: ownId, status, headers: own, bytes: body }) => [
        {
          invoke: {
            id: ownId.toWellFormed(),
            json: [["answer", { status, headers: Object.entries(own), base64: base64(body) }]],
            answer: { status, headers: { $exactly: own }, base64: base64(body) }
          }
        }
      ])
}

const cookie = fc.stringMatching(/^[a-z]{1,5}=[A-Za-z0-9, ;/]{0,20}[a-z]$/)

/** Cookies keep their number and their order. */
const cookies: PropertyDefinition = {
  name: "cookies",
  title: "Cookies of an answer stay apart and in order, among other headers",
  requirements: ["WP-094", "WP-095"],
  function: "script",
  runs: 60,
  steps: () =>
    fc
      .record({ headers, cookies: fc.array(cookie, { minLength: 2, maxLength: 6 }), at: fc.nat({ max: 8 }) })
      .map(({ headers: own, cookies: several, at }) => {
        const others = Object.entries(own)
        const all = [
          ...others.slice(0, at),
          ...several.map((one) => ["set-cookie", one]),
          ...others.slice(at)
        ]
        return [
          {
            invoke: {
              json: [["answer", { headers: all }]],
              answer: { headers: { $exactly: { ...own, "set-cookie": several } } }
            }
          }
        ]
      })
}

/** What functions say and how they fail, in any characters. */
const words: PropertyDefinition = {
  name: "words",
  title: "Log lines and messages of exceptions come in any characters, complete and in order",
  requirements: ["WP-101", "WP-110", "WP-111"],
  function: "script",
  runs: 100,
  steps: () => {
    // a percent sign means something to some loggers
    const line = fc
      .oneof(fc.string({ unit: "grapheme", maxLength: 40 }), fc.string({ unit: "binary", maxLength: 20 }))
      .map((value) => value.toWellFormed().replaceAll("%", ""))
    const level = fc.constantFrom("debug", "info", "warn", "error")
    return fc
      .record({ lines: fc.array(fc.tuple(level, line), { maxLength: 6 }), message: line })
      .map(({ lines, message }) => [
        {
          invoke: {
            id: "a",
            json: [...lines.map(([one, said]) => ["log", one, said]), ["throw", message]],
            error: { code: "HANDLER_ERROR", message: { $contains: message } }
          }
        },
        { logs: { id: "a", lines: lines.map(([one, said]) => ({ level: one, message: said })) } }
      ])
  }
}

export const shapeProperties: ReadonlyArray<PropertyDefinition> = [
  requests,
  standardRequests,
  answers,
  cookies,
  words
]
