import { type Flaw, type HttpHead, valueOf, withHeaders } from "../Flaw.ts"

const rewritten = (change: (head: HttpHead) => HttpHead): Flaw => ({ httpRequest: change })
const line = (change: (line: string) => string): Flaw =>
  rewritten((head) => ({ ...head, line: change(head.line) }))
const headers = (change: (headers: HttpHead["headers"]) => HttpHead["headers"]): Flaw =>
  rewritten((head) => ({ ...head, headers: change(head.headers) }))

/** How the head of a request over HTTP is read. */
export const heads: Readonly<Record<string, Flaw>> = {
  // HG-005
  "http-one-path-each": line((text) => text.replace(/^(\S+ \/functions\/[\w-]+)\/(?=[^ ?])/, "$1%2F")),
  // HG-010
  "http-keeps-dots": line((text) => text.replaceAll("/../", "/..%2F")),
  // HG-011
  "http-knows-paths-only": line((text) => text.replace(/ http:\/\/\S+/, " /nothing")),
  // HG-016, HG-017
  "http-gets-what-it-does-not-know": line((text) => text.replace(/^(BREW|get|CONNECT) /, "GET ")),
  // HG-019
  "http-knows-names-in-one-case": headers((all) =>
    all.filter(([name]) => !/[A-Z]{2}/.test(name) || name === "TE")
  ),
  // HG-026
  "http-wants-a-host": line((text) => text.replace("HTTP/1.0", "HTTP/1.1")),
  // HG-031
  "http-posts-bodies": rewritten((head) =>
    Number(valueOf(head.headers, "content-length") ?? 0) > 0
      ? { ...head, line: head.line.replace(/^GET \/functions/, "POST /functions") }
      : head
  ),
  // HG-033
  "http-believes-one-length": headers((all) => {
    const length = all.find(([name]) => name.toLowerCase() === "content-length")
    return length === undefined
      ? all
      : withHeaders(all, {
          "transfer-encoding": null,
          "content-length": String(Math.max(0, Number(length[1])))
        })
  }),
  // HG-087
  "http-mends-heads": headers((all) =>
    all.flatMap(([name, value]) =>
      /^[\w-]+$/.test(name) ? [[name, value.replaceAll("\0", "")] as const] : []
    )
  ),
  // HG-018
  "http-plain-names-only": headers((all) =>
    all.filter(([name]) => /^[\w-]+$/.test(name) || !/^[\w!#$%&'*+.^`|~-]+$/.test(name))
  ),
  // HG-082
  "http-knows-one-bearer": headers((all) =>
    (valueOf(all, "authorization") ?? "Bearer ").startsWith("Bearer ")
      ? all
      : withHeaders(all, { authorization: null })
  )
}
