import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { SocketTransport } from "./SocketTransport.ts"

let folder = ""
const open = new Set<Bun.UnixSocketListener<undefined>>()
let serial = 0
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-transport-"))
})
afterEach(async () => {
  for (const one of open) one.stop(true)
  open.clear()
  await rm(folder, { recursive: true, force: true })
})

/** The other end: takes what comes, in the pieces in which it comes, and can leave it unread. */
const otherEnd = () => {
  const chunks: Array<Buffer> = []
  const sockets: Array<Bun.Socket> = []
  const unix = join(folder, `${(serial += 1)}.sock`)
  const listener = Bun.listen({
    unix,
    socket: {
      open: (socket) => void sockets.push(socket),
      data: (_socket, chunk) => void chunks.push(Buffer.from(chunk))
    }
  })
  open.add(listener)
  const stop = (): void => {
    listener.stop(true)
    open.delete(listener)
  }
  return { unix, chunks, sockets, stop, text: () => Buffer.concat(chunks).toString() }
}
const events = { data: () => {}, closed: () => {} }
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(1)
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("the wire to a worker", () => {
  it("takes texts of any length and alphabet whole and in order, also where the other end reads late", async () => {
    const end = otherEnd()
    const transport = new SocketTransport()
    await transport.open({ unix: end.unix }, events)
    await until(() => end.sockets.length === 1)
    end.sockets[0]?.pause()
    const texts = ["a".repeat(3_000_000), "ä€𝄞".repeat(400_000), "z\n", "€".repeat(100_000)]
    for (const text of texts) transport.write(text)
    await turn()
    end.sockets[0]?.resume()
    const whole = texts.join("")
    await until(() => end.chunks.reduce((sum, chunk) => sum + chunk.length, 0) >= Buffer.byteLength(whole))
    expect(end.text() === whole).toBe(true)
  })

  it("keeps the order of what is written and what is gathered, before it is open and after", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom("write", "gather", "turn"), fc.string({ maxLength: 20 }))),
        fc.nat({ max: 10 }),
        async (steps, openAt) => {
          const end = otherEnd()
          const transport = new SocketTransport()
          let expected = ""
          let opening: Promise<void> | null = null
          for (const [i, [step, text]] of steps.entries()) {
            if (i === openAt) opening = transport.open({ unix: end.unix }, events)
            if (step === "turn") await turn()
            else {
              const line = `${JSON.stringify(text)}\n`
              expected += line
              transport[step as "write" | "gather"](line)
            }
          }
          await (opening ?? transport.open({ unix: end.unix }, events))
          await until(() => end.text().length >= expected.length)
          expect(end.text()).toBe(expected)
          transport.close()
          end.stop()
        }
      ),
      { numRuns: 40 }
    )
  })

  it("sends what is gathered in one turn in one piece, and what is written at once", async () => {
    const end = otherEnd()
    const transport = new SocketTransport()
    await transport.open({ unix: end.unix }, events)
    for (let i = 0; i < 100; i += 1) transport.gather(`line ${i}\n`)
    await until(() => end.chunks.length > 0)
    expect(end.chunks).toHaveLength(1)
    expect(end.text().split("\n")).toHaveLength(101)
    transport.gather("first\n")
    transport.write("second\n")
    await until(() => end.chunks.length > 1)
    expect(end.chunks[1]?.toString()).toBe("first\nsecond\n")
  })

  it("does not keep more together than its bound", async () => {
    const end = otherEnd()
    const transport = new SocketTransport()
    await transport.open({ unix: end.unix }, events)
    const text = "x".repeat(100_000)
    transport.gather(text)
    transport.gather("y")
    await until(() => end.text().length === text.length + 1)
    expect(end.text().endsWith("xy")).toBe(true)
  })

  it("says when what was written is held no longer: once it is read, or given up", async () => {
    const end = otherEnd()
    const transport = new SocketTransport()
    await transport.open({ unix: end.unix }, events)
    await until(() => end.sockets.length === 1)
    const told: Array<string> = []
    transport.whenSent(() => told.push("nothing held"))
    expect(told).toEqual(["nothing held"])
    transport.gather("later")
    transport.whenSent(() => told.push("gathered"))
    expect(told).toHaveLength(1)
    await until(() => told.length === 2)
    end.sockets[0]?.pause()
    transport.write("a".repeat(4_000_000))
    transport.whenSent(() => told.push("read"))
    await turn()
    expect(told).toHaveLength(2)
    end.sockets[0]?.resume()
    await until(() => told.length === 3)
    end.sockets[0]?.pause()
    transport.write("b".repeat(4_000_000))
    transport.whenSent(() => told.push("given up"))
    transport.close()
    transport.whenSent(() => told.push("closed"))
    expect(told).toEqual(["nothing held", "gathered", "read", "given up", "closed"])
  })

  it("takes nothing more once it is closed", async () => {
    const end = otherEnd()
    const transport = new SocketTransport()
    await transport.open({ unix: end.unix }, events)
    transport.write("before\n")
    transport.gather("given up\n")
    transport.close()
    transport.write("after\n")
    await turn()
    expect(transport.closed).toBe(true)
    await until(() => end.text() !== "")
    expect(end.text()).toBe("before\n")
  })
})
