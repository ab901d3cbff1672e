/**
 * Fields that mean something to one hop only (RFC 9110, 7.6.1), in lower case. A handler sees none of them, by whichever
 * door its caller came, and none that it gives is passed on.
 */
export const HOP_BY_HOP: ReadonlyArray<string> = [
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "proxy-connection",
  "proxy-authorization",
  "proxy-authenticate",
  "proxy-authentication-info"
]

/**
 * The further fields, in lower case, that the values of `Connection` make hop-by-hop. Naming an end-to-end field there must
 * not hide it from the handler where the service itself answers for it: Host and X-Invocation-Id stay.
 */
export const nominatedBy = (connection: string | ReadonlyArray<string>): ReadonlyArray<string> => {
  const values = typeof connection === "string" ? [connection] : connection
  return values
    .flatMap((value) => value.split(",").map((token) => token.trim().toLowerCase()))
    .filter((name) => name !== "host" && name !== "x-invocation-id")
}

/**
 * Removes what is said to this hop only: the fields above and whatever Connection names. The names are looked up one by
 * one: a request has most of them never, and walking through all of its headers costs more.
 */
export const stripHopByHop = (headers: Record<string, string | ReadonlyArray<string>>): void => {
  const connection = headers["connection"]
  if (connection !== undefined && connection !== "keep-alive") {
    for (const name of nominatedBy(connection)) delete headers[name]
  }
  for (const name of HOP_BY_HOP) if (headers[name] !== undefined) delete headers[name]
}
