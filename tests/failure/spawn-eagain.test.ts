import { statSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { until } from "../support/Api.ts"
import { expectAnswer, expectFailed, faultScene } from "../support/FaultScene.ts"

const bundle = `
export default (req) => {
  if (new URL(req.url).pathname === "/exit") process.exit(1)
  return new Response("well")
}`

/** As the server's own user, who may do it to its own processes. */
const prlimit = (pid: number, ...args: ReadonlyArray<string>): string => {
  const { gid, uid } = statSync(`/proc/${pid}`)
  const cmd = ["prlimit", `--pid=${pid}`, ...args]
  const { exitCode, stderr, stdout } = Bun.spawnSync({ cmd, uid, gid })
  if (exitCode !== 0) throw new Error(stderr.toString())
  return stdout.toString().trim()
}

describe("a system that grants no further process (EAGAIN)", () => {
  // Root is not held to it.
  const scene = faultScene({ asNobody: true, flags: ["--bun-spare-workers", "0"] })

  it("fails who needs one, and nobody else; when it grants them again, so does the server", () =>
    scene.play(async ({ call, serve, server, untilLogged }) => {
      const other = await serve(bundle)
      const fn = await serve(bundle, { max_workers: 1 })
      const before = prlimit(server.pid, "--nproc", "--noheadings", "--raw", "--output=SOFT")
      prlimit(server.pid, "--nproc=1:")
      try {
        expectFailed(await call(fn, "/exit"), {
          status: 502,
          code: "FN_004",
          cause: "exit",
          exit_code: 1
        })
        expectFailed(await call(fn), { status: 503, code: "FN_008", cause: "start" })
        await untilLogged({ function: fn, level: "error" }, /did not start.*EAGAIN/)
        expectAnswer(await call(other), "well")
      } finally {
        prlimit(server.pid, `--nproc=${before}:`)
      }
      const ended = await until(
        () => call(fn),
        ({ status }) => status === 200
      )
      expect(ended.text).toBe("well")
    }))
})
