import type { DeploymentView, FunctionView, VersionView } from "../../src/protocol/Management.ts"
import type { Problem } from "../../src/protocol/Problem.ts"
import type { TestServer } from "./TestServer.ts"

/** The management API as a test uses it: plain HTTP, so that what is tested is what a stranger would call. */
const send = async (server: TestServer, method: string, path: string, body?: unknown): Promise<Response> =>
  await fetch(`${server.url}${path}`, {
    method,
    // A connection that is kept would be among the server's descriptors, which tests count.
    keepalive: false,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } })
  })

const orThrow = async <A>(response: Response): Promise<A> => {
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
  return (await response.json()) as A
}

export const register = async (
  server: TestServer,
  name: string,
  settings: Readonly<Record<string, unknown>> = {}
): Promise<FunctionView> => orThrow(await send(server, "POST", "/api/functions", { name, ...settings }))

export const deploy = async (
  server: TestServer,
  name: string,
  version: string,
  bundle: string
): Promise<DeploymentView> =>
  orThrow(await send(server, "POST", `/api/functions/${name}/deploy`, { version, bundle }))

/** A deployment that is expected to be refused. */
export const deployRefused = async (
  server: TestServer,
  name: string,
  version: string,
  bundle: string
): Promise<Problem> => {
  const response = await send(server, "POST", `/api/functions/${name}/deploy`, { version, bundle })
  if (response.ok) throw new Error("the deployment was accepted")
  return (await response.json()) as Problem
}

/** Registers and deploys in one go. */
export const serve = async (
  server: TestServer,
  name: string,
  bundle: string,
  settings: Readonly<Record<string, unknown>> = {}
): Promise<FunctionView> => {
  const view = await register(server, name, settings)
  await deploy(server, name, "v1", bundle)
  return view
}

export const getFunction = async (server: TestServer, name: string): Promise<FunctionView> =>
  orThrow(await send(server, "GET", `/api/functions/${name}`))

export const deleteFunction = async (server: TestServer, name: string): Promise<void> => {
  await orThrow(await send(server, "DELETE", `/api/functions/${name}`))
}

export const versionsOf = async (server: TestServer, name: string): Promise<ReadonlyArray<VersionView>> =>
  (
    await orThrow<{ readonly versions: ReadonlyArray<VersionView> }>(
      await send(server, "GET", `/api/functions/${name}/versions`)
    )
  ).versions

/** Asks again until the condition holds; the test's own time-out is the bound. */
export const until = async <A>(look: () => Promise<A>, holds: (seen: A) => boolean): Promise<A> => {
  for (;;) {
    const seen = await look()
    if (holds(seen)) return seen
    await Bun.sleep(5)
  }
}

export const problemOf = async (response: Response): Promise<Problem> => (await response.json()) as Problem
