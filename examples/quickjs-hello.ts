// The greeting for the QuickJS-NG runtime: a small engine without Node.js or Bun modules. What it has is the Web's own:
// Request, Response, URL, Headers, TextEncoder, crypto.subtle and so on. The code is no different from other functions.
//
//   bunbase fn deploy quickjs-hello examples/quickjs-hello.ts --runtime quickjs-ng

export default async function handler(req: Request): Promise<Response> {
  const url = new URL(req.url)
  const name = url.searchParams.get("name") || "World"

  return Response.json({
    message: `Hello, ${name}!`,
    timestamp: new Date().toISOString(),
    method: req.method,
    path: url.pathname
  })
}
