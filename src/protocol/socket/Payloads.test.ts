import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import { frameFixtures } from "../../../tests/support/FrameFixtures.ts"
import { Command, commandName } from "./Commands.ts"
import { InvokeRequest } from "./InvokeRequest.ts"
import { InvokeAnswer, type ManagementCommand, managementPayloads } from "./Payloads.ts"

describe("the commands", () => {
  it("are numbered without gaps, and named both ways", () => {
    expect(Object.values(Command)).toEqual(Array.from({ length: 18 }, (_, index) => index + 1))
    for (const [name, code] of Object.entries(Command)) expect(commandName(code)).toBe(name)
    expect(commandName(0)).toBeNull()
    expect(commandName(0x13)).toBeNull()
  })
})

const requestOf = (command: string): Schema.Schema.AnyNoContext =>
  command === "INVOKE" ? InvokeRequest : managementPayloads[command as ManagementCommand].request

describe("the payloads", () => {
  const frames = frameFixtures("valid").flatMap(({ expected, name }) =>
    expected.frames.map((frame) => ({ name, ...frame }))
  )

  it.each(frames.filter(({ command }) => typeof command === "string"))(
    "of the committed requests decode: $name, $command",
    ({ command, payload }) => {
      const decoded = Schema.decodeUnknownEither(requestOf(String(command)))(payload ?? {})
      expect(decoded._tag).toBe("Right")
    }
  )

  it.each(frames.filter(({ name }) => name.startsWith("answer-invoke")))(
    "of invocations decode: $name",
    ({ payload }) => {
      const answer = Schema.decodeUnknownSync(InvokeAnswer)(payload)
      expect(answer.execution_id).not.toBe("")
    }
  )
})
