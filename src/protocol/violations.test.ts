import { Effect, Either, ParseResult, Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Violation } from "../domain/Errors.ts"
import { RegisterFunction } from "../domain/FunctionSpec.ts"
import { DeployRequest } from "./Management.ts"
import { decodeRequest, violationsOf } from "./violations.ts"

const violations = <A, I>(schema: Schema.Schema<A, I>, input: unknown): Array<Violation> => {
  const result = Schema.decodeUnknownEither(schema, { errors: "all" })(input)
  return Either.isLeft(result) ? violationsOf(result.left) : []
}

describe("violationsOf", () => {
  it("names every field that is wrong, its value and what to use instead", () => {
    expect(
      violations(RegisterFunction, {
        name: "Not A Name",
        runtime: "node",
        memory_mb: 1,
        timeout_seconds: "30"
      })
    ).toEqual([
      {
        field: "name",
        value: "Not A Name",
        message: "use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit"
      },
      { field: "runtime", value: "node", message: 'use "bun" or "quickjs-ng"' },
      { field: "memory_mb", value: 1, message: "use a whole number from 16 to 4096" },
      { field: "timeout_seconds", value: "30", message: "use a number" }
    ])
  })

  it("says which field is missing, and nothing of a value", () => {
    expect(violations(RegisterFunction, {})).toEqual([{ field: "name", message: "is required" }])
  })

  it("speaks of the whole where the input is not an object at all", () => {
    expect(violations(RegisterFunction, 7)).toEqual([{ field: "", value: 7, message: "use an object" }])
    expect(violations(RegisterFunction, null)).toEqual([{ field: "", value: null, message: "use an object" }])
  })

  it("never repeats the value of an environment variable", () => {
    const secret = "s3cr3t".repeat(1000)
    const found = violations(RegisterFunction, { name: "a", env: { KEY: secret, NUMBER: 12345678 } })
    expect(found.map((one) => one.field)).toEqual(["env.KEY", "env.NUMBER"])
    expect(JSON.stringify(found)).not.toContain("s3cr3t")
    expect(JSON.stringify(found)).not.toContain("12345678")
  })

  it("reports an environment variable's name", () => {
    const found = violations(RegisterFunction, {
      name: "a",
      env: { "1BAD": "s3cr3t", GOOD: "", BUNBASE_X: "" }
    })
    expect(found).toEqual([
      {
        field: "env.1BAD",
        message: "use letters, digits and '_', not beginning with a digit, at most 128 characters"
      },
      { field: "env.BUNBASE_X", message: "names beginning with BUNBASE_ or BUN_ are the service's own" }
    ])
  })

  it("writes paths into lists with brackets", () => {
    const found = violations(RegisterFunction, {
      name: "a",
      capabilities: {
        profile: "custom",
        read_paths: ["/ok", "relative"],
        write_paths: [],
        domains: [],
        child_processes: false,
        eval: false
      }
    })
    expect(found).toEqual([
      {
        field: "capabilities.read_paths[1]",
        value: "relative",
        message: "use an absolute path without '..'"
      }
    ])
  })

  it("names what each form of a deployment lacks", () => {
    expect(violations(DeployRequest, { version: "v1" })).toEqual([
      { field: "bundle", message: "is required" },
      { field: "bundle_path", message: "is required" }
    ])
  })

  it("stays bounded, whatever is sent", () => {
    const numbers = Schema.Struct({ list: Schema.Array(Schema.Number) })
    const found = violations(numbers, { list: Array.from({ length: 1000 }, () => "x".repeat(10_000)) })
    expect(found).toHaveLength(51)
    expect(found.at(-1)).toEqual({ field: "", message: "950 more fields are wrong" })
    expect(JSON.stringify(found).length).toBeLessThan(51 * 600)
  })

  it("finds at least one violation in anything that does not decode, and never throws", () => {
    fc.assert(
      fc.property(fc.anything(), (input) => {
        const decoded = Schema.decodeUnknownEither(RegisterFunction, { errors: "all" })(input)
        if (Either.isRight(decoded)) return
        expect(decoded.left).toBeInstanceOf(ParseResult.ParseError)
        expect(violationsOf(decoded.left).length).toBeGreaterThan(0)
      })
    )
  })
})

describe("decodeRequest", () => {
  it("gives the value", async () => {
    const decoded = await Effect.runPromise(decodeRequest(RegisterFunction)({ name: "a" }))
    expect(decoded).toEqual({ name: "a", runtime: "bun", handler: "handler", env: {} })
  })

  it("fails with InvalidRequest", async () => {
    const failed = await Effect.runPromise(Effect.flip(decodeRequest(RegisterFunction)({ name: "-" })))
    expect(failed._tag).toBe("InvalidRequest")
    expect(failed.violations).toHaveLength(1)
  })

  it("refuses fields that nobody knows, or leaves them out where it is told to", () => {
    const request = { name: "a", memroy_mb: 64 }
    const refused = Either.flip(decodeRequest(RegisterFunction)(request))
    expect(Either.getOrThrow(refused).violations).toEqual([
      { field: "memroy_mb", value: 64, message: "is not a known field" }
    ])
    expect(Either.isRight(decodeRequest(RegisterFunction, "ignore")(request))).toBe(true)
  })

  it("does not go through a request of a million fields", () => {
    const request = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`x${index}`, 1]))
    const refused = Either.flip(decodeRequest(RegisterFunction)(request))
    expect(Either.getOrThrow(refused).violations).toHaveLength(1)
  })
})
