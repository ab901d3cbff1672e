// The smallest useful function: it greets whoever is named in the query.
//
//   curl 'http://127.0.0.1:8080/functions/hello-world?name=Alice'
//   → {"message":"Hello, Alice!","timestamp":"2026-01-28T09:30:00.000Z","method":"GET","path":"/"}
//
// A function's default export gets a standard Request and answers with a standard Response. Change the message below,
// then put the change in force with:  bunbase fn deploy hello-world examples/hello-world.ts

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
