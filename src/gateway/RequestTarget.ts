/** What a data-plane URL says: which function, and what of the URL is the handler's own. */
export interface RequestTarget {
  /** The function's name or id as it stands in the URL, not decoded and not checked. */
  readonly name: string
  /** Begins with `/`; percent-encoding untouched. */
  readonly path: string
  /** The path and, if there is one, `?` and the raw query. */
  readonly url: string
}

/**
 * Cuts a URL whose function name begins at `nameAt`. Nothing is parsed or decoded, so that what the handler sees is what
 * was sent: `/functions/x` → `/`, `/functions/x/a%2Fb?a=1&a=2` → `/a%2Fb` and `/a%2Fb?a=1&a=2`.
 *
 * The URL is the HTTP server's: it has resolved `.` and `..` segments and percent-encoded what no URL may contain, as the
 * URL standard (and with it `Request.url` in the handler) prescribes.
 */
export const splitTarget = (url: string, nameAt: number): RequestTarget => {
  const question = url.indexOf("?", nameAt)
  const slash = url.indexOf("/", nameAt)
  if (question === -1) {
    if (slash === -1) return { name: url.slice(nameAt), path: "/", url: "/" }
    const path = url.slice(slash)
    return { name: url.slice(nameAt, slash), path, url: path }
  }
  // A slash behind the question mark belongs to the query.
  if (slash === -1 || slash > question) {
    return { name: url.slice(nameAt, question), path: "/", url: `/${url.slice(question)}` }
  }
  return { name: url.slice(nameAt, slash), path: url.slice(slash, question), url: url.slice(slash) }
}
