import type { Worker } from "./base.ts"
import type { Fields } from "./Flaw.ts"

/** Calls under way, by their call_id. */
export type Calls = Map<string, (result: Fields) => void>

const failure = (error: unknown): Error => {
  const { code, message, name } = (typeof error === "object" && error !== null ? error : {}) as Fields
  const made = new TypeError(typeof message === "string" ? message : "the host brought no answer")
  if (typeof name === "string") made.name = name
  return typeof code === "string" ? Object.assign(made, { code }) : made
}

const responseOf = (brought: unknown): Response => {
  if (typeof brought !== "object" || brought === null) throw failure(null)
  const { body, headers, redirected, status, status_text: statusText, url } = brought as Fields
  const held = new Headers()
  for (const [name, values] of Object.entries((headers ?? {}) as Fields))
    for (const value of Array.isArray(values) ? values : [values]) held.append(name, String(value))
  const bytes = Buffer.from(typeof body === "string" ? body : "", "base64")
  const response = new Response(bytes, {
    status: Number(status),
    statusText: String(statusText ?? ""),
    headers: held
  })
  return Object.defineProperties(response, {
    url: { value: String(url ?? "") },
    redirected: { value: redirected === true }
  })
}

/** Makes `fetch` a call of the host's. */
export const installFetch = (worker: Worker): void => {
  let count = 0
  const call = async (input: string | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(String(input), init)
    const id = worker.invocationId()
    const bytes = await request.arrayBuffer()
    if (bytes.byteLength > worker.settings.longestBody) throw new TypeError("the body fits in no line")
    const body = Buffer.from(bytes).toString("base64")
    const url = new URL(request.url)
    url.hash = ""
    count += 1
    const callId = String(count)
    const { promise, reject, resolve } = Promise.withResolvers<Response>()
    worker.calls.set(callId, ({ error, ok, response }) => {
      try {
        if (ok === true) resolve(responseOf(response))
        else reject(failure(error))
      } catch (thrown) {
        reject(thrown)
      }
    })
    worker.say({
      id,
      type: "call",
      payload: {
        call_id: callId,
        name: "fetch",
        request: {
          url: url.href,
          method: request.method,
          headers: Object.fromEntries(request.headers),
          body,
          redirect: init?.redirect ?? "follow"
        }
      }
    })
    init?.signal?.addEventListener("abort", () => {
      if (!worker.calls.delete(callId)) return
      worker.say({ id, type: "call", payload: { call_id: callId, name: "abort" } })
      reject(init.signal?.reason)
    })
    return await promise
  }
  globalThis.fetch = Object.assign(call, { preconnect: () => {} }) as typeof fetch
}
