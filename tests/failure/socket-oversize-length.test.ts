import { describe, expect, it } from "vitest"
import { Command } from "../../src/protocol/socket/Commands.ts"
import { expectAnswer, faultScene } from "../support/FaultScene.ts"
import { RawSocket } from "../support/RawSocket.ts"

const MiB = 1024 * 1024

/** The head of a frame that is said to be so long. */
const headOf = (length: number): Uint8Array => {
  const head = Buffer.alloc(17)
  head.writeUInt32LE(length, 0)
  head.writeBigUInt64LE(7n, 4)
  head.writeUInt8(Command.INVOKE, 12)
  head.writeUInt32LE(Math.max(0, length - 13), 13)
  return head
}

describe("a frame that is said to be longer than one may be", () => {
  const scene = faultScene()

  it("is refused at its head, with its connection; the others go on", () =>
    scene.play(async ({ call, serve, server }) => {
      const fn = await serve(`export default () => new Response("well")`)
      const bystander = await RawSocket.open(server.socketPath)
      for (const length of [16 * MiB + 1, 2 ** 31, 2 ** 32 - 1]) {
        const client = await RawSocket.open(server.socketPath)
        client.write(headOf(length))
        await client.closed
        expect(client.answers.map(({ status }) => status)).toEqual(["ERROR"])
      }
      expect((await bystander.ask(1, Command.PING)).status).toBe("OK")
      bystander.leave()
      expectAnswer(await call(fn), "well")
    }))
})
