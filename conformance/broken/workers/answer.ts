import type { Answer, Fields } from "./Flaw.ts"

/** The handler gave something that is no answer. */
export class NoAnswer extends Error {}

const hasNoBody = (status: number): boolean => status === 204 || status === 205 || status === 304

/** What the handler has answered: a `Response`, or something like one. Rejects with `NoAnswer`, or what reading it throws. */
export const answerOf = async (value: unknown): Promise<Answer> => {
  if (typeof value !== "object" || value === null) throw new NoAnswer(`the handler gave ${typeof value}`)
  const like = value as Fields
  const { status } = like
  const isLike = "body" in like || "arrayBuffer" in like
  if (typeof status !== "number" || !isLike)
    throw new NoAnswer("the handler gave an object that is no Response")
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new NoAnswer(`the handler gave a Response of the status ${status}`)
  const headers = headersOf(like["headers"])
  if (hasNoBody(status)) return { status, headers, body: new Uint8Array() }
  if (like["bodyUsed"] === true) throw new NoAnswer("the handler gave a Response that was used already")
  return { status, headers, body: await bodyOf(like) }
}

const bodyOf = async (like: Fields): Promise<Uint8Array> => {
  const { arrayBuffer } = like
  const body: unknown = typeof arrayBuffer === "function" ? await readBody(like, arrayBuffer) : like["body"]
  if (body === null || body === undefined) return new Uint8Array()
  return new Uint8Array(await new Response(body as Bun.BodyInit).arrayBuffer())
}

const readBody = async (like: Fields, read: { call: (self: Fields) => unknown }): Promise<unknown> => {
  try {
    return await read.call(like)
  } catch (error) {
    const code = (error as { readonly code?: unknown } | null)?.code
    if (code === "ERR_INVALID_STATE" || code === "ERR_BODY_ALREADY_USED")
      throw new NoAnswer("the handler gave a Response whose body is locked")
    throw error
  }
}

const headersOf = (from: unknown): Answer["headers"] => {
  let headers: Headers
  try {
    headers = new Headers((from ?? {}) as Bun.HeadersInit)
  } catch {
    throw new NoAnswer("the handler gave headers that cannot be sent")
  }
  const held: Record<string, string | ReadonlyArray<string>> = {}
  const cookies = headers.getSetCookie()
  for (const [name, value] of headers) {
    const several = name === "set-cookie" && cookies.length > 1
    Object.defineProperty(held, name, {
      value: several ? cookies : value,
      enumerable: true,
      configurable: true
    })
  }
  return held
}
