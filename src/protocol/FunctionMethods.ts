/**
 * What a function may be called with: every method that Bun's parser knows, but for TRACE and CONNECT, which are for the
 * hops on the way. With any other Bun closes the connection, and nobody here is asked. The same by socket: a function that
 * works by one door works by the other.
 */
export const FUNCTION_METHODS = [
  ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PURGE"],
  // WebDAV, its versioning and its calendars.
  ...["PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "ACL", "BIND", "REBIND"],
  ...["UNBIND", "REPORT", "CHECKOUT", "MERGE", "MKACTIVITY", "MKCALENDAR"],
  ...["LINK", "UNLINK", "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "SOURCE"]
]

const methods: ReadonlySet<string> = new Set(FUNCTION_METHODS)

/** Of a method in upper case. */
export const isFunctionMethod = (method: string): boolean => methods.has(method)

/** What to say of one that is none. */
export const METHOD_ADVICE = `use one of ${FUNCTION_METHODS.join(", ")}`
