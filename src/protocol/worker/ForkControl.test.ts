import { Arbitrary, FastCheck as fc, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { decodeForkMessage, Exited, ForkFailed } from "./ForkControl.ts"
import { Error, Log, Ready } from "./Messages.ts"

const anyMessage = Arbitrary.make(Schema.Union(Exited, ForkFailed, Ready, Error, Log))

const bytes = (text: string) => new TextEncoder().encode(text)

describe("decodeForkMessage", () => {
  it("takes every message of a fork server, whatever else the line has", () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const text = JSON.stringify({ id: "", later: [1], ...message })
        expect(decodeForkMessage(bytes(text))).toMatchObject({ type: message.type })
      })
    )
    expect(
      decodeForkMessage(bytes('{"id":"","type":"exited","payload":{"pid":9,"code":null,"signal":"SIGKILL"}}'))
    ).toEqual({ type: "exited", payload: { pid: 9, code: null, signal: "SIGKILL" } })
  })

  it("passes over everything else, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (line) => {
        expect(decodeForkMessage(line)).toBeNull()
      })
    )
    for (const text of [
      "",
      "{}",
      '{"id":"","type":"exited","payload":{"pid":0,"code":0,"signal":null}}',
      '{"id":"","type":"exited","payload":{"pid":1.5,"code":0,"signal":null}}',
      '{"id":"","type":"exited","payload":{"pid":7,"code":"0","signal":null}}',
      '{"id":"","type":"fork_failed","payload":{}}',
      '{"id":"","type":"forked","payload":{"pid":7}}'
    ]) {
      expect(decodeForkMessage(bytes(text)), text).toBeNull()
    }
  })
})
