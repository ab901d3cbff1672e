import { Either, Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Capabilities, profileCapabilities } from "./Capabilities.ts"
import {
  Environment,
  FunctionLimits,
  FunctionSettings,
  HandlerName,
  RegisterFunction
} from "./FunctionSpec.ts"

const decode = Schema.decodeUnknownEither(RegisterFunction)
const accepts = (input: unknown): boolean => Either.isRight(decode(input))

/** The bounds that the documents name, a second time: least, most, and whether only whole numbers are meant. */
const bounds: Readonly<Record<keyof FunctionLimits, readonly [number, number, "whole" | "any"]>> = {
  memory_mb: [16, 4096, "whole"],
  timeout_seconds: [0.05, 900, "any"],
  max_concurrent_executions: [1, 10_000, "whole"],
  warm_workers: [0, 1000, "whole"],
  max_workers: [1, 1000, "whole"],
  concurrency: [1, 10_000, "whole"],
  idle_timeout_seconds: [0.05, 86_400, "any"],
  max_worker_invocations: [0, 1_000_000_000, "whole"],
  max_worker_age_seconds: [0, 2_592_000, "any"]
}

describe("registering a function", () => {
  it("needs a name; the rest has defaults", () => {
    expect(decode({ name: "a" })).toEqual(
      Either.right({ name: "a", runtime: "bun", handler: "handler", env: {} })
    )
    expect(accepts({})).toBe(false)
    expect(accepts({ name: "A" })).toBe(false)
    expect([accepts({ name: "a", runtime: "quickjs-ng" }), accepts({ name: "a", runtime: "node" })]).toEqual([
      true,
      false
    ])
  })

  it("takes limits within their bounds, and nothing beside them", () => {
    for (const [field, [least, most, kind]] of Object.entries(bounds)) {
      const takes = (value: unknown): boolean => accepts({ name: "a", [field]: value })
      expect([field, takes(least), takes(most)]).toEqual([field, true, true])
      const step = kind === "whole" ? 1 : 0.001
      const bad = [least - step, most + step, Number.NaN, Infinity, -Infinity, "1", null, [], {}, true]
      expect([field, bad.filter(takes)]).toEqual([field, []])
      expect([field, takes(least + 0.5)]).toEqual([field, kind === "any"])
    }
    expect(Object.keys(FunctionLimits.fields)).toEqual(Object.keys(bounds))
    for (const field of Object.keys(bounds)) expect(Object.keys(FunctionSettings.fields)).toContain(field)
  })

  it("never throws, whatever is sent", () => {
    fc.assert(fc.property(fc.anything(), (input) => void decode(input)))
  })
})

describe("environment variables", () => {
  const takes = Schema.is(Environment)

  it("have a shell's names, and values without NUL of at most 4096 characters", () => {
    for (const good of ["A", "_", "a1_", "A".repeat(128), "PATH"])
      expect([good, takes({ [good]: "" })]).toEqual([good, true])
    const bad = [
      "",
      "1A",
      "A-B",
      "A.B",
      "A=B",
      "A B",
      "Ä",
      "A\0",
      "A\n",
      "A".repeat(129),
      "BUNBASE_X",
      "BUNBASE_PROTOCOL_FD"
    ]
    expect(bad.filter((name) => takes({ [name]: "" }))).toEqual([])
    expect([takes({ A: "x".repeat(4096) }), takes({ A: "x".repeat(4097) }), takes({ A: "\0" })]).toEqual([
      true,
      false,
      false
    ])
    expect([takes({ A: 1 }), takes({ A: null }), takes([]), takes("A")]).toEqual([false, false, false, false])
  })

  it("keep every name and value as they came", () => {
    const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/)
    fc.assert(
      fc.property(
        fc.dictionary(
          name,
          fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", ""))
        ),
        (env) => {
          const named = Object.fromEntries(Object.entries(env).filter(([key]) => !key.startsWith("BUNBASE_")))
          expect(Schema.decodeUnknownSync(Environment)(named)).toEqual(named)
        }
      )
    )
  })
})

describe("handler names", () => {
  it("are those of exports", () => {
    const takes = Schema.is(HandlerName)
    for (const good of ["handler", "$", "_a1", "fetch", "H".repeat(128)])
      expect([good, takes(good)]).toEqual([good, true])
    for (const bad of ["", "1a", "a-b", "a.b", "a b", "a()", "ä", "--eval", "a\n", "H".repeat(129)])
      expect([bad, takes(bad)]).toEqual([bad, false])
  })
})

describe("capabilities", () => {
  const takes = (change: object): boolean =>
    Schema.is(Capabilities)({ ...profileCapabilities.custom, ...change })

  it("of every profile are valid; only permissive may start processes and use eval", () => {
    for (const [name, capabilities] of Object.entries(profileCapabilities)) {
      expect(Schema.is(Capabilities)(capabilities)).toBe(true)
      expect(capabilities.profile).toBe(name)
      const may = [capabilities.child_processes, capabilities.eval]
      expect(may).toEqual(name === "permissive" ? [true, true] : [false, false])
    }
  })

  it("name absolute paths without '..'", () => {
    for (const good of ["/", "/a", "/a/b.c", "/a..b", "/..a"])
      expect([good, takes({ read_paths: [good] })]).toEqual([good, true])
    for (const bad of ["", "a", "./a", "../a", "/..", "/a/../b", "/a/.."]) {
      expect([bad, takes({ read_paths: [bad] }), takes({ write_paths: [bad] })]).toEqual([bad, false, false])
    }
  })

  it("name domains, perhaps with all that lie below them", () => {
    for (const good of ["example.com", "*.example.com", "localhost", "a-b.c0.d", "10.0.0.1"])
      expect([good, takes({ domains: [good] })]).toEqual([good, true])
    const bad = [
      "",
      "*",
      "*.",
      "*example.com",
      "a.*.com",
      "Example.com",
      "a..b",
      ".a",
      "a.",
      "-a.com",
      "a-.com",
      "a/b",
      "a:80",
      "http://a",
      "a b",
      "a\n"
    ]
    expect(bad.filter((domain) => takes({ domains: [domain] }))).toEqual([])
  })
})
