import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene } from "../support/FaultScene.ts"
import { wireVandal } from "../support/WireVandal.ts"

const MiB = 1024 * 1024
const LINES_MB = 8

const bundle = `${wireVandal}
export default (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/bytes") {
    const bytes = new Uint8Array(65536)
    crypto.getRandomValues(bytes)
    wire(bytes)
    wire("\\n")
  }
  if (pathname === "/flood") {
    const line = Buffer.alloc(65536, "no message ")
    line[65535] = 10
    for (let i = 0; i < ${LINES_MB * 16}; i += 1) wire(line)
  }
  return new Response(self)
}`

const residentOf = (pid: number): number =>
  (Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024) / MiB

describe("bytes on the wire that are no messages (R-11)", () => {
  const scene = faultScene()

  it("of any kind harm neither the invocation nor its worker", () =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      const { text: self } = await call(fn)
      for (let i = 0; i < 10; i += 1) expectAnswer(await call(fn, "/bytes"), self)
    }))

  it(`${LINES_MB} MB of them are counted, and not kept`, () =>
    scene.play(async ({ call, serve, server }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      const { text: self } = await call(fn)
      expectAnswer(await call(fn, "/flood"), self)
      const before = residentOf(server.pid)
      for (let i = 0; i < 40; i += 1) expectAnswer(await call(fn, "/flood"), self)
      // What the runtime has not collected yet is a part of it; were they kept, it would be more than all of them.
      expect(residentOf(server.pid) - before).toBeLessThan(20 * LINES_MB)
    }))
})
