import { afterEach, expect } from "vitest"
import {
  type FunctionsFake,
  type GatewayOptions,
  type GatewayUnderTest,
  startGateway
} from "./GatewayUnderTest.ts"

/** For a file of tests: starts a gateway over fake functions; it ends with the test. */
export const gatewaySession = () => {
  const gateways: Array<GatewayUnderTest> = []
  afterEach(async () => {
    for (const gateway of gateways.splice(0)) await gateway[Symbol.asyncDispose]()
  })
  return async (functions: FunctionsFake = {}, options: GatewayOptions = {}): Promise<GatewayUnderTest> => {
    const gateway = await startGateway({ functions, ...options })
    gateways.push(gateway)
    return gateway
  }
}

/** A POST of JSON; a text goes as it is. */
export const json = (body: unknown, headers: Record<string, string> = {}) => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body)
})

/** Holds an answer to being that problem, as the documents have it; gives its document. */
export const expectProblem = async (response: Response, status: number, code: string) => {
  expect(response.status).toBe(status)
  expect(response.headers.get("content-type")).toBe("application/problem+json")
  expect(response.headers.get("x-function-error")).toBe(code)
  expect(response.headers.get("cache-control")).toBe("no-store")
  const problem = (await response.json()) as Record<string, unknown>
  expect(problem).toMatchObject({ type: `urn:bunbase:problem:${code}`, status, code })
  return problem
}
