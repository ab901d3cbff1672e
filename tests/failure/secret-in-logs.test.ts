import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"
import { childrenOf, commandOf } from "../support/Processes.ts"

const SECRET = "hunter2-the-function's-own"
const OF_THE_SERVER = "hunter3-the-server's-own"

const bundle = `
const token = process.env.TOKEN
export default async (req) => {
  switch (new URL(req.url).pathname) {
    case "/throw": throw new Error("not with what it was given")
    case "/wrong": return token.length
    case "/late": await new Promise(() => {})
    case "/env": return Response.json(Object.values(process.env))
    default: return new Response(String(token.length))
  }
}`

const commandsBelow = (pid: number): ReadonlyArray<string> =>
  childrenOf(pid).flatMap((child) => [commandOf(child), ...commandsBelow(child)])

describe("a secret in a function's environment", () => {
  const scene = faultScene({ env: { DATABASE_PASSWORD: OF_THE_SERVER } })

  it.each(runtimes)(
    "is in no answer, log, line of the terminal or list of processes, whatever fails: %s",
    (runtime) =>
      scene.play(async ({ call, logged, serve, server }) => {
        const settings = { runtime, max_workers: 1, timeout_seconds: 0.5, env: { TOKEN: SECRET } }
        const fn = await serve(bundle, settings)
        const seen = [
          await call(fn),
          await call(fn, "/throw"),
          await call(fn, "/wrong"),
          await call(fn, "/late")
        ]
        expect(seen[0]?.text).toBe(String(SECRET.length))
        expectFailed(seen[3] as (typeof seen)[number], { status: 504, code: "FN_002" })
        const env = JSON.parse((await call(fn, "/env")).text) as ReadonlyArray<string>
        expect(env).toContain(SECRET)
        expect(env).not.toContain(OF_THE_SERVER)
        const views = await Promise.all(
          ["", `/${fn}`, `/${fn}/versions`].map(async (path) =>
            (await fetch(`${server.url}/api/functions${path}`, { keepalive: false })).text()
          )
        )
        const told = [
          ...seen.map(({ text }) => text),
          ...views,
          ...commandsBelow(server.pid),
          JSON.stringify(logged()),
          server.output()
        ].join("\n")
        expect(told).toContain(fn)
        expect(told).toContain("not with what it was given")
        expect(told).not.toContain("hunter")
        expect(readFileSync(`/proc/${server.pid}/cmdline`, "utf8")).not.toContain("hunter")
      })
  )
})
