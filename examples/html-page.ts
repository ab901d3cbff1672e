// A page made on the server: escaping, a cookie, and caching with an ETag.
//
//   http://127.0.0.1:8080/functions/html-page            asks for a name
//   http://127.0.0.1:8080/functions/html-page?name=Ada   remembers it in a cookie
//   curl -i http://127.0.0.1:8080/functions/html-page    shows the ETag; send it back and the answer is 304:
//   curl -i http://127.0.0.1:8080/functions/html-page -H 'If-None-Match: "…"'

export default async function handler(req: Request): Promise<Response> {
  if (req.method !== "GET" && req.method !== "HEAD") {
    return new Response("use GET\n", { status: 405, headers: { allow: "GET, HEAD" } })
  }

  const given = new URL(req.url).searchParams.get("name")
  const name = given ?? readCookie(req, "name") ?? ""
  const body = page(name)
  const etag = `"${(await sha256(body)).slice(0, 32)}"`

  const headers = new Headers({
    "content-type": "text/html; charset=utf-8",
    etag,
    // The browser may keep the page, but has to ask whether it is still the same; and the cookie makes a difference.
    "cache-control": "private, no-cache",
    vary: "cookie"
  })
  if (given !== null) {
    // HttpOnly: no script may read it. SameSite: other sites' pages do not send it.
    headers.append("set-cookie", `name=${encodeURIComponent(given)}; Max-Age=86400; HttpOnly; SameSite=Lax`)
  }

  if (matches(req.headers.get("if-none-match"), etag)) return new Response(null, { status: 304, headers })
  return new Response(body, { headers })
}

function page(name: string): string {
  return `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <title>A page</title>
  <h1>${name === "" ? "Who are you?" : `Hello, ${escapeHtml(name)}!`}</h1>
  <form><label>Name <input name="name" value="${escapeHtml(name)}"></label> <button>Remember me</button></form>
</html>
`
}

/** Without this, a name such as <script>… would run in the reader's browser. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

function readCookie(req: Request, name: string): string | null {
  for (const pair of (req.headers.get("cookie") ?? "").split(";")) {
    const [key, value] = pair.trim().split("=")
    if (key !== name || value === undefined) continue
    try {
      return decodeURIComponent(value)
    } catch {
      return null // not one of ours
    }
  }
  return null
}

/** If-None-Match is a list of ETags, or `*`. A `W/` in front does not matter here. */
function matches(header: string | null, etag: string): boolean {
  return (header ?? "")
    .split(",")
    .some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === etag)
}

async function sha256(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
