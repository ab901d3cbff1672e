import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { wireConstants } from "./wireConstants.ts"

const header = new URL("../../../native/quickjs-ng/src/wire_constants.h", import.meta.url)

describe("the protocol's words", () => {
  it("are the same for the native worker (else run `bun native/quickjs-ng/tools/wire-constants.ts`)", () => {
    expect(readFileSync(header, "utf8")).toBe(wireConstants())
  })
})
