import { Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Command, type CommandName } from "../../src/protocol/socket/Commands.ts"
import { SocketStatus } from "../../src/protocol/ErrorTable.ts"

/** `fixtures/frames`, as its README describes it. */
const root = join(import.meta.dirname, "../../fixtures/frames")

const FixtureFrame = Schema.Struct({
  request_id: Schema.String,
  command: Schema.optional(Schema.Union(Schema.String, Schema.Int)),
  status: Schema.optional(Schema.Literal("OK", "ERROR", "NOT_FOUND")),
  payload: Schema.optional(Schema.Unknown),
  payload_hex: Schema.optional(Schema.String)
})
type FixtureFrame = typeof FixtureFrame.Type

const FixtureCase = Schema.Struct({
  about: Schema.String,
  direction: Schema.Literal("request", "answer"),
  frames: Schema.Array(FixtureFrame),
  violation: Schema.optional(
    Schema.Struct({
      kind: Schema.Literal("length_too_small", "length_too_large", "payload_length_mismatch", "truncated"),
      request_id: Schema.NullOr(Schema.String)
    })
  ),
  refused: Schema.optional(
    Schema.Struct({ status: Schema.String, code: Schema.String, field: Schema.optional(Schema.String) })
  )
})

export interface FrameFixture {
  readonly name: string
  readonly bytes: Uint8Array
  readonly expected: typeof FixtureCase.Type
}

const parseHex = (text: string): Uint8Array =>
  Uint8Array.fromHex(text.replace(/#.*$/gm, "").replace(/\s+/g, ""))

/** All cases of one folder, in the order of their names. */
export const frameFixtures = (folder: "valid" | "invalid"): ReadonlyArray<FrameFixture> =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".hex"))
    .sort()
    .map((file) => {
      const name = file.slice(0, -4)
      const json = readFileSync(join(root, folder, `${name}.json`), "utf8")
      return {
        name,
        bytes: parseHex(readFileSync(join(root, folder, file), "utf8")),
        expected: Schema.decodeUnknownSync(Schema.parseJson(FixtureCase))(json, { onExcessProperty: "error" })
      }
    })

/** The byte that the fixture's command or status stands for. */
export const kindOf = (frame: FixtureFrame): number => {
  if (frame.status !== undefined) return SocketStatus[frame.status]
  if (typeof frame.command === "number") return frame.command
  return Command[frame.command as CommandName]
}

export const payloadOf = (frame: FixtureFrame): Uint8Array => {
  if (frame.payload_hex !== undefined) return Uint8Array.fromHex(frame.payload_hex)
  return new TextEncoder().encode(frame.payload === undefined ? "" : JSON.stringify(frame.payload))
}
