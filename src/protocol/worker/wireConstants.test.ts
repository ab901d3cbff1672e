import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { wireHeader, wireModule } from "./wireConstants.ts"

const native = new URL("../../../native/quickjs-ng/", import.meta.url)

describe("the protocol's words", () => {
  it.each([
    ["C", "src/wire_constants.h", wireHeader],
    ["TypeScript", "js/wire/constants.ts", wireModule]
  ])(
    "are the same for the native worker's %s (else run `bun native/quickjs-ng/tools/wire-constants.ts`)",
    (_, file, made) => {
      expect(readFileSync(new URL(file, native), "utf8")).toBe(made())
    }
  )
})
