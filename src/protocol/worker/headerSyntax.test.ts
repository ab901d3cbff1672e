import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeWorkerMessage } from "./decodeWorkerMessage.ts"

const decode = (headers: ReadonlyArray<readonly [string, string | ReadonlyArray<string>]>) =>
  decodeWorkerMessage(
    new TextEncoder().encode(
      JSON.stringify({
        id: "1",
        type: "response",
        payload: { status: 200, headers: Object.fromEntries(headers), body: "" }
      })
    )
  )

/** What the HTTP server's own headers make of it. */
const canBeSent = (name: string, value: string): boolean => {
  try {
    new Headers().append(name, value)
    return true
  } catch {
    return false
  }
}

// Close to what is allowed, so that both sides are met often.
const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/)
const name = fc.oneof(
  { weight: 3, arbitrary: token },
  fc
    .tuple(token, fc.constantFrom("", " ", ":", "\n", "\r", "\0", "é", "(", "/", "😀", "\x7f"), token)
    .map((p) => p.join("")),
  fc.string({ unit: "binary", maxLength: 3 })
)
const text = fc.stringMatching(/^[ -~\t]{0,12}$/)
const value = fc.oneof(
  { weight: 3, arbitrary: text },
  fc
    .tuple(
      text,
      fc.constantFrom("\r\n", "\n", "\r", "\0", "é", "ÿ", "Ā", "😀", "\u2028", "\x01", "\x7f"),
      text
    )
    .map((p) => p.join("")),
  fc.string({ unit: "binary", maxLength: 3 })
)

describe("the headers of a worker's answer", () => {
  it("are what HTTP can send: whatever is taken can be sent, and what cannot is a violation", () => {
    fc.assert(
      fc.property(name, value, fc.boolean(), (one, held, repeated) => {
        const tag = decode([[one, repeated ? ["first", held] : held]])._tag
        // The only other thing refused is a line break at an edge, which the HTTP server would silently cut off.
        const sendable = canBeSent(one, held) && !/[\r\n]/.test(held)
        expect([one, held, tag]).toEqual([one, held, sendable ? "message" : "invalid"])
      }),
      { numRuns: 2_000 }
    )
  })

  it("are refused by the first that cannot be sent, wherever it stands", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(token, text), { maxLength: 6, selector: ([one]) => one }),
        fc.constantFrom(
          ["x y", "v"] as const,
          ["x", "a\r\nset-cookie: b"] as const,
          ["x", ["a", "\0"]] as const
        ),
        fc.nat(6),
        (good, bad, at) => {
          const others = good.filter(([one]) => one !== bad[0])
          expect(decode(others)._tag).toBe("message")
          expect(decode([...others.slice(0, at), bad, ...others.slice(at)])._tag).toBe("invalid")
        }
      )
    )
  })

  it("say what is wrong, in short and without control characters", () => {
    expect(decode([["bad name", "v"]])).toEqual({
      _tag: "invalid",
      type: "response",
      reason: 'headers has a name that HTTP does not allow: "bad name"'
    })
    expect(decode([["x-a", "1\r\nx-b: 2"]])).toEqual({
      _tag: "invalid",
      type: "response",
      reason: 'the header "x-a" has a value with a line break, a NUL or a character beyond Latin-1'
    })
    const long = decode([[`${"n".repeat(10_000)}\u0007`, "v"]])
    expect(long._tag === "invalid" && long.reason.length < 200).toBe(true)
    const bell = decode([["\u0007", "v"]])
    expect(bell._tag === "invalid" && bell.reason).toContain("\\u0007")
  })
})
