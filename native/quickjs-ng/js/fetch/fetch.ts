import type { HostResult, RequestInit } from "../segments/fetch-more.ts"
import { more } from "./lazy.ts"
import type { Request } from "./Request.ts"
import type { Response } from "./Response.ts"

/** Whether there can be anything that was denied. */
let wasUsed = false

const api = {
  fetch(input: Request | string, init?: RequestInit): Promise<Response> {
    wasUsed = true
    return more().fetchAny(input, init)
  }
}

/**
 * Fetch standard, 5.6, as far as a worker without a network goes: the host sends the request, and says no where the
 * function may not reach that host (the error has the code PERMISSION_DENIED).
 */
export const { fetch } = api
Object.defineProperty(fetch, "length", { value: 1, configurable: true })

/** What the session does with a `result` of the host. One that nobody waits for is ignored. */
export const hostResult = (result: HostResult): void => more().hostResult(result)

/** Whether a thrown value is a fetch that the host did not allow (PERMISSION_DENIED). */
export const wasDenied = (thrown: unknown): boolean => wasUsed && more().wasDenied(thrown)
