import type { Fields, Invocation, Seen } from "./Flaw.ts"

/** Characters of a `Host` that leave a URL what it is. */
const HOST = /^[\w.:[\]-]+$/

const originOf = (host: unknown): string => {
  const origin = typeof host === "string" && HOST.test(host) ? `http://${host}` : "http://localhost"
  return URL.canParse(origin) ? origin : "http://localhost"
}

const isMap = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** As it came, or put together from path and query. */
export const targetOf = ({ url, path, query }: Fields): string => {
  let target = url
  if (typeof target !== "string") {
    target = typeof path === "string" ? path.replaceAll("?", "%3F") : "/"
    const pairs = new URLSearchParams()
    for (const [key, value] of isMap(query) ? Object.entries(query) : []) pairs.append(key, String(value))
    if (pairs.size > 0) target += `?${pairs.toString()}`
  }
  const text = String(target).replaceAll("#", "%23")
  return text.startsWith("/") ? text : `/${text}`
}

/** What the handler of an invocation is given. */
export const seenOf = ({ id, payload }: Invocation): Seen => {
  const { body, headers, method, trace } = payload
  const sent = isMap(headers) ? headers : {}
  const pairs = Object.entries(sent).flatMap(([name, held]) =>
    name.toLowerCase() === "x-invocation-id"
      ? []
      : (Array.isArray(held) ? held : [held]).flatMap((value: unknown) =>
          typeof value === "string" ? [[name, value] as const] : []
        )
  )
  if (typeof trace === "string" && sent["traceparent"] === undefined) pairs.push(["traceparent", trace])
  return {
    method: typeof method === "string" && method !== "" ? method : "GET",
    origin: originOf(sent["host"]),
    target: targetOf(payload),
    headers: [...pairs, ["x-invocation-id", id]],
    body: typeof body === "string" && body !== "" ? Buffer.from(body, "base64") : null
  }
}

export const requestOf = (
  { body, headers: pairs, method, origin, target }: Seen,
  signal: AbortSignal
): Request => {
  const headers = new Headers()
  for (const [name, value] of pairs) {
    try {
      headers.append(name, value)
    } catch {
      // no header can say this
    }
  }
  const hasBody = body !== null && method !== "GET" && method !== "HEAD"
  const request = new Request(origin + target, {
    method,
    headers,
    signal,
    ...(hasBody ? { body: new Uint8Array(body) } : {})
  })
  // Bun makes GET of every method that it does not know
  if (request.method !== method) Object.defineProperty(request, "method", { value: method })
  return request
}
