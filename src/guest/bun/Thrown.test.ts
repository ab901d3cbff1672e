import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { describeThrown, show } from "./Thrown.ts"

class HttpError extends Error {
  readonly status: number
  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}
class Renamed extends Error {
  override name = "AppError"
}

const thrownBy = (act: () => unknown): unknown => {
  try {
    act()
  } catch (thrown) {
    return thrown
  }
  throw new Error("nothing was thrown")
}
// This file's own frames are taken for the guest's; those of its callers are left.
const frame = /\n {4}at .+:\d+:\d+/
/** The lines that are no frames. */
const spoken = (text: string | undefined): ReadonlyArray<string> =>
  (text ?? "").split("\n").filter((line) => !line.trim().startsWith("at "))

describe("a thrown error", () => {
  it("is told with its class, as its author named it", () => {
    const told = (thrown: unknown) => {
      const { message, stack, title } = describeThrown(thrown)
      return [message, title, stack?.split("\n")[0]]
    }
    const twice = (text: string) => [text, text]
    expect(told(new TypeError("no"))).toEqual(["no", ...twice("TypeError: no")])
    expect(told(thrownBy(() => (undefined as unknown as { f: () => void }).f()))[1]).toMatch(/^TypeError: ./)
    expect(told(new HttpError("no tea", 418))).toEqual(["no tea", ...twice("HttpError: no tea")])
    expect(told(new Renamed("of the app"))).toEqual(["of the app", ...twice("AppError: of the app")])
    expect(told(new RangeError())).toEqual(["RangeError", ...twice("RangeError")])
    expect(told(new Error("plain"))).toEqual(["plain", ...twice("Error: plain")])
    expect(told(new DOMException("stopped", "AbortError"))).toEqual([
      "stopped",
      "AbortError: stopped",
      undefined
    ])
    expect(told("words")).toEqual([...twice("words"), undefined])
    expect(told(Object.assign(new Error("before"), { message: "after" }))).toEqual([
      "after",
      ...twice("Error: after")
    ])
  })

  it("keeps its frames, whatever its message is", () => {
    for (const message of ["one", "two\nlines", "at home", "", "a\n    at b"]) {
      const { stack } = describeThrown(new TypeError(message))
      expect(stack).toMatch(frame)
      expect(stack?.startsWith(message === "" ? "TypeError\n" : `TypeError: ${message}\n`)).toBe(true)
    }
    const changed = Object.assign(new Error("old\nwords"), { message: "new words" })
    expect(describeThrown(changed).stack).toMatch(/^Error: new words\n +at .+:\d+:\d+/)
    const own = Object.assign(new Error("m"), { stack: "a stack\nof its own" })
    expect(describeThrown(own).stack).toBe("Error: m\na stack\nof its own")
  })

  it("comes with its causes, and theirs", () => {
    const root = new RangeError("root")
    const thrown = new HttpError("outer", 500)
    thrown.cause = new TypeError("middle", { cause: root })
    expect(spoken(describeThrown(thrown).stack)).toEqual([
      "HttpError: outer",
      "Caused by: TypeError: middle",
      "Caused by: RangeError: root"
    ])
    expect(spoken(describeThrown(new Error("m", { cause: "words" })).stack)).toEqual([
      "Error: m",
      'Caused by: "words"'
    ])
    root.cause = thrown
    expect(spoken(describeThrown(thrown).stack).at(-1)).toBe("Caused by: HttpError: outer (shown above)")
  })

  it("comes with the errors that it gathers", async () => {
    const errors = [new TypeError("one"), new Error("two", { cause: new RangeError("its cause") }), "three"]
    const expected = [
      "Error 1 of 3: TypeError: one",
      "Error 2 of 3: Error: two",
      "Caused by: RangeError: its cause",
      'Error 3 of 3: "three"'
    ]
    const { stack } = describeThrown(new AggregateError(errors, "several"))
    expect(spoken(stack)).toEqual(["AggregateError: several", ...expected])
    const any = await Promise.any(errors.map((error) => Promise.reject(error as Error))).catch(
      (thrown: unknown) => thrown
    )
    // The engine gives this one no stack at all.
    expect(spoken(describeThrown(any).stack)).toEqual(["AggregateError", ...expected])
  })

  it("is told in bounded space, however many it leads to", () => {
    let chain = new Error("0")
    for (let i = 1; i < 10_000; i += 1) chain = new Error(String(i), { cause: chain })
    expect(spoken(describeThrown(chain).stack).length).toBeLessThan(20)
    const many = new AggregateError(Array.from({ length: 100_000 }, (_, i) => new Error(String(i))))
    const lines = spoken(describeThrown(many).stack)
    expect(lines.length).toBeLessThan(20)
    expect(lines.at(-1)).toBe("… and 99985 more errors")
    const words = new AggregateError(Array.from({ length: 100_000 }, () => "words"))
    expect(spoken(describeThrown(words).stack).at(-1)).toBe("… and 99984 more errors")
  })
})

describe("a logged error", () => {
  it("is shown as a thrown one, with what it carries besides", () => {
    expect(spoken(show(new HttpError("no tea", 418)))).toEqual([
      "HttpError: no tea",
      "{",
      "  status: 418,",
      "}"
    ])
    expect(spoken(show(new Error("outer", { cause: new TypeError("inner") })))).toEqual([
      "Error: outer",
      "Caused by: TypeError: inner"
    ])
    expect(spoken(show(new AggregateError([new TypeError("one")], "several")))).toEqual([
      "AggregateError: several",
      "Error 1 of 1: TypeError: one"
    ])
    expect(show(new TypeError("plain"))).toMatch(/^TypeError: plain\n +at .+:\d+:\d+/)
  })

  it("is shown whatever it is: nothing throws", () => {
    const trap = (): never => {
      throw new Error("trap")
    }
    const hostile = new Proxy(new Error("hostile"), { get: trap, ownKeys: trap, getPrototypeOf: trap })
    const error = fc
      .record(
        {
          message: fc.string(),
          cause: fc.anything(),
          errors: fc.anything(),
          name: fc.anything(),
          stack: fc.anything()
        },
        { requiredKeys: [] }
      )
      .map((fields) => {
        const made = new Error("made")
        for (const [name, value] of Object.entries(fields))
          Object.defineProperty(made, name, { value, enumerable: true })
        return made
      })
    fc.assert(
      fc.property(fc.oneof(error, fc.constant(hostile), fc.anything()), (value) => {
        expect(typeof show(value)).toBe("string")
        const { message, title } = describeThrown(value)
        expect([typeof message, typeof title]).toEqual(["string", "string"])
      })
    )
  })
})
