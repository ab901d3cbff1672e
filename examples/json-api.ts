// A JSON API with routes: a list of things to do.
//
//   API=http://127.0.0.1:8080/functions/json-api
//   curl $API/items                                                 all items
//   curl $API/items -d '{"title":"buy milk"}'                       add one (POST)
//   curl $API/items/1                                               show one
//   curl $API/items/1 -X PUT -d '{"title":"buy milk","done":true}'  replace it
//   curl $API/items/1 -X DELETE                                     remove it
//
// The items live in the memory of one worker: another worker has its own, and they are gone when the worker ends. Real
// data belongs into a database.

interface Item {
  readonly id: number
  readonly title: string
  readonly done: boolean
}

const items = new Map<number, Item>()
let lastId = 0

export default async function handler(req: Request): Promise<Response> {
  // The path begins behind the function's name: /functions/json-api/items/1 arrives here as /items/1.
  const { pathname } = new URL(req.url)

  if (pathname === "/items") {
    switch (req.method) {
      case "GET":
        return Response.json({ items: [...items.values()] })
      case "POST": {
        const input = await readItem(req)
        if (input instanceof Response) return input
        const item = { id: ++lastId, ...input }
        items.set(item.id, item)
        return Response.json(item, { status: 201, headers: { location: `items/${item.id}` } })
      }
      default:
        return notAllowed("GET, POST")
    }
  }

  const id = /^\/items\/(\d+)$/.exec(pathname)?.[1]
  if (id !== undefined) {
    const item = items.get(Number(id))
    if (item === undefined) return problem(404, `there is no item ${id}`)
    switch (req.method) {
      case "GET":
        return Response.json(item)
      case "PUT": {
        const input = await readItem(req)
        if (input instanceof Response) return input
        const changed = { id: item.id, ...input }
        items.set(item.id, changed)
        return Response.json(changed)
      }
      case "DELETE":
        items.delete(item.id)
        return new Response(null, { status: 204 })
      default:
        return notAllowed("GET, PUT, DELETE")
    }
  }

  return problem(404, "the routes are /items and /items/ID")
}

/** The item in a request's body; or the answer that says everything that is wrong with it. */
async function readItem(req: Request): Promise<Omit<Item, "id"> | Response> {
  let input: unknown
  try {
    input = await req.json()
  } catch {
    return problem(400, "the body is not JSON")
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return problem(400, 'the body must be an object such as {"title":"buy milk"}')
  }
  const { title, done = false, ...unknown } = input as Record<string, unknown>
  const errors: Array<string> = []
  if (typeof title !== "string" || title.trim() === "")
    errors.push("title: a text that is not empty is required")
  else if (title.length > 200) errors.push("title: use at most 200 characters")
  if (typeof done !== "boolean") errors.push("done: use true or false")
  for (const name of Object.keys(unknown)) errors.push(`${name}: there is no such field`)

  return errors.length > 0
    ? problem(422, "the item is not valid", errors)
    : { title: title as string, done: done as boolean }
}

function problem(status: number, error: string, errors?: ReadonlyArray<string>): Response {
  return Response.json({ error, ...(errors && { errors }) }, { status })
}

function notAllowed(allow: string): Response {
  return Response.json({ error: `use one of: ${allow}` }, { status: 405, headers: { allow } })
}
