import { describe, expect, it } from "vitest"
import { until } from "../support/Api.ts"
import { expectAnswer, faultScene } from "../support/FaultScene.ts"
import { descriptorsOf } from "../support/Processes.ts"
import { RawConnection } from "../support/RawHttp.ts"

const CLIENTS = 100
/** What a server that has nothing more to give may open beyond what it has. */
const ROOM = 8

const prlimit = (pid: number, ...args: ReadonlyArray<string>): string => {
  const { exitCode, stderr, stdout } = Bun.spawnSync(["prlimit", `--pid=${pid}`, ...args])
  if (exitCode !== 0) throw new Error(stderr.toString())
  return stdout.toString().trim()
}

describe("a server that may open no more files", () => {
  const scene = faultScene()

  it("lives on; when it may again, it serves whoever waits, and keeps nothing", () =>
    scene.play(async ({ call, serve, server }) => {
      const fn = await serve(`export default () => new Response("well")`)
      const port = Number(new URL(server.url).port)
      expectAnswer(await call(fn), "well")
      const before = prlimit(server.pid, "--nofile", "--noheadings", "--raw", "--output=SOFT")
      const open = descriptorsOf(server.pid).length
      prlimit(server.pid, `--nofile=${open + ROOM}:`)
      // The kernel takes them in, the server cannot.
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawConnection.open(port)))
      await until(
        async () => descriptorsOf(server.pid).length,
        (now) => now >= open + ROOM - 1
      )
      for (const client of clients) client.destroy()
      prlimit(server.pid, `--nofile=${before}:`)
      expectAnswer(await call(fn), "well")
      const later = await serve(`export default () => new Response("later")`)
      expectAnswer(await call(later), "later")
      expect(server.output()).not.toContain("internal error")
    }))
})
