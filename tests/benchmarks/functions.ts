/** The handlers that are called: the same as the raw server's. */
export const hello = `export default () => new Response("ok")`
export const echo = `export default async (request) => new Response(await request.arrayBuffer())`
