import { createHash, timingSafeEqual } from "node:crypto"
import { Redacted } from "effect"
import { isLoopback } from "../config/OptionValue.ts"
import type { ServerOptions } from "../config/ServerConfig.ts"
import { FETCH_MARK } from "../protocol/FetchMark.ts"
import { PermissionDenied, Unauthorized } from "../domain/Errors.ts"

/** Says why a management request is not allowed (FN_009), or null. */
export type AccessGuard = (request: Request) => PermissionDenied | Unauthorized | null

/**
 * Who may use the management plane. With an API key: whoever shows it. Without one the server listens on loopback only,
 * and what has to be kept out are web pages open in a browser on this machine, and functions:
 *
 * - a page may reach us under a name of its own that was made to point here (DNS rebinding): the Host must be ours;
 * - a function whose `fetch` the server carries out is not on this machine, although the server is: what bears the mark of
 *   such a fetch is refused;
 * - a page of another host may send forms: changes are refused when the browser says that they come from elsewhere.
 */
export const makeAccessGuard = (config: Pick<ServerOptions, "apiKey" | "httpHost">): AccessGuard => {
  const authorized = config.apiKey === undefined ? null : showsKey(Redacted.value(config.apiKey))
  const ownHost = config.httpHost.toLowerCase()
  return (request) => {
    const host = (request.headers.get("host") ?? "").toLowerCase()
    if (authorized === null && isLoopback(config.httpHost)) {
      const name = hostName(host)
      if (name !== ownHost && !isOwnName(name)) {
        return new PermissionDenied({
          reason: `the management API of a server without an API key answers only to localhost, not to "${host.slice(0, 100)}"`
        })
      }
    }
    if (authorized === null && request.headers.has(FETCH_MARK)) {
      return new PermissionDenied({
        reason: "a function cannot use the management API of a server without an API key"
      })
    }
    if (authorized !== null && !authorized(request.headers.get("authorization"))) {
      return new Unauthorized({
        reason: "the management API needs the server's API key: send it as 'Authorization: Bearer KEY'"
      })
    }
    if (request.method !== "GET" && request.method !== "HEAD" && isFromElsewhere(request.headers, host)) {
      return new PermissionDenied({ reason: "a web page of another host cannot use the management API" })
    }
    return null
  }
}

/** Compares digests in constant time: how long it takes says nothing about the key, not even its length. */
const showsKey = (key: string): ((authorization: string | null) => boolean) => {
  const digest = (text: string) => createHash("sha256").update(text).digest()
  const expected = digest(key)
  return (authorization) => {
    const shown = authorization === null ? null : /^Bearer +(\S.*)$/i.exec(authorization)?.[1]
    return shown != null && timingSafeEqual(digest(shown.trimEnd()), expected)
  }
}

/** A Host or an origin's authority without its port; an IPv6 address without its brackets. */
const hostName = (host: string): string => {
  const inBrackets = /^\[([^\]]*)\](?::\d*)?$/.exec(host)?.[1]
  return inBrackets ?? host.replace(/:\d*$/, "")
}

// RFC 6761: names under localhost lead to loopback, whoever resolves them.
const isOwnName = (name: string): boolean =>
  isLoopback(name) || name === "localhost" || name.endsWith(".localhost")

const isFromElsewhere = (headers: Request["headers"], host: string): boolean => {
  if (headers.get("sec-fetch-site") === "cross-site") return true
  const origin = headers.get("origin")
  if (origin === null) return false
  // "null" (a sandboxed frame, a redirect) and anything that is no URL come from nowhere that could be ours.
  return !URL.canParse(origin) || new URL(origin).host !== host
}
