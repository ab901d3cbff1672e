/** Values by name; an array gives a name several. */
export type QueryMap = Readonly<Record<string, string | ReadonlyArray<string>>>

/**
 * Path and raw query of a request, from a path (which may hold a query already) and a map of more. What a URL cannot hold as
 * it is gets percent-encoded: spaces, `#`, everything beyond ASCII. What is encoded already stays as it is.
 */
export const requestUrl = (path: string, query?: QueryMap | null): string => {
  const url = encodeRest(path)
  const pairs = query === undefined || query === null ? "" : encodeQuery(query)
  if (pairs === "") return url
  return `${url}${url.includes("?") ? "&" : "?"}${pairs}`
}

const encodeRest = (path: string): string =>
  /[^\x21\x22\x24-\x7e]/.test(path)
    ? path.toWellFormed().replace(/[^\x21\x22\x24-\x7e]+/g, (piece) => encodeURIComponent(piece))
    : path

const encodeQuery = (query: QueryMap): string => {
  const pairs: Array<string> = []
  for (const name in query) {
    const values = query[name] as string | ReadonlyArray<string>
    for (const value of typeof values === "string" ? [values] : values) {
      pairs.push(`${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
    }
  }
  return pairs.join("&")
}
