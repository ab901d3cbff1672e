import { Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvokeRequest, isInvokeRequest } from "./InvokeRequest.ts"

const isBySchema = Schema.is(Schema.typeSchema(InvokeRequest))

// Mostly right, with something wrong now and then.
const text = fc.oneof({ weight: 8, arbitrary: fc.string() }, { weight: 1, arbitrary: fc.jsonValue() })
const textMap = fc.oneof(
  fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.array(fc.string()))),
  fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.array(fc.jsonValue())), { maxKeys: 2 }),
  fc.jsonValue()
)
const almost = fc.record(
  {
    function_id: fc.oneof(text, fc.string({ minLength: 120, maxLength: 135 })),
    method: text,
    path: text,
    url: text,
    headers: textMap,
    query: textMap,
    body: text,
    deadline_ms: fc.oneof(fc.double(), fc.integer({ min: -1, max: 900_001 }), fc.jsonValue()),
    later: fc.jsonValue()
  },
  { requiredKeys: ["function_id"] }
)

describe("isInvokeRequest", () => {
  it("says what the Schema says, of anything that JSON can hold", () => {
    fc.assert(
      fc.property(
        fc.oneof({ weight: 4, arbitrary: almost }, { weight: 1, arbitrary: fc.jsonValue() }),
        (value) => {
          // as it comes from the wire: an own "__proto__" is possible there, undefined is not
          const parsed: unknown = JSON.parse(JSON.stringify(value))
          expect(isInvokeRequest(parsed)).toBe(isBySchema(parsed))
        }
      ),
      { numRuns: 500 }
    )
  })

  it("takes null for what is left out: a Go client's nil maps", () => {
    expect(
      isInvokeRequest({ function_id: "a", headers: null, query: null, body: null, method: null, url: null })
    ).toBe(true)
  })

  it("leaves unknown fields alone", () => {
    expect(isInvokeRequest({ function_id: "a", from_a_later_version: {} })).toBe(true)
  })

  it.each([
    null,
    [],
    "a",
    7,
    {},
    { function_id: "" },
    { function_id: "a".repeat(129) },
    { function_id: "a", body: 1 }
  ])("refuses %j", (value) => {
    expect(isInvokeRequest(value)).toBe(false)
  })
})
