import { apply, construct, headersHas, headersSet, NativeResponse, responseHeaders } from "./Intrinsics.ts"

const TEXT = "text/plain;charset=UTF-8"

/**
 * Makes `new Response("text")` bear the content type that the Fetch standard gives it. Bun leaves it out of the headers
 * and has its own server add it, which nobody can know who reads the response from JavaScript.
 */
export const installTextResponse = (global: typeof globalThis): void => {
  function Response(this: unknown, body?: unknown, init?: unknown): unknown {
    if (new.target === undefined)
      throw new TypeError("Class constructor Response cannot be invoked without 'new'")
    const response =
      new.target === Response
        ? new NativeResponse(body as Bun.BodyInit, init as ResponseInit)
        : construct(NativeResponse, [body, init], new.target)
    if (typeof body === "string") {
      const headers = apply(responseHeaders, response, [])
      if (!apply(headersHas, headers, ["content-type"])) apply(headersSet, headers, ["content-type", TEXT])
    }
    return response
  }
  // the same prototype: whatever made a response, it is an instance of this one
  Response.prototype = NativeResponse.prototype
  Object.defineProperty(Response, "prototype", { writable: false, enumerable: false })
  Object.defineProperty(Response, "length", { value: 0, configurable: true })
  Object.setPrototypeOf(Response, NativeResponse)
  Object.defineProperty(NativeResponse.prototype, "constructor", {
    value: Response,
    writable: true,
    configurable: true
  })
  Object.defineProperty(global, "Response", {
    value: Response,
    writable: true,
    configurable: true,
    enumerable: false
  })
}
