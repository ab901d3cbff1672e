import { Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  DeploymentId,
  FunctionId,
  FunctionName,
  isFunctionId,
  isInvocationId,
  newDeploymentId,
  newFunctionId,
  newInvocationId,
  newVersionId,
  VersionId,
  VersionLabel
} from "./Ids.ts"

const lower = "abcdefghijklmnopqrstuvwxyz"
const digits = "0123456789"
const charsOf = (text: string): fc.Arbitrary<string> => fc.constantFrom(...text)
const word = (first: string, rest: string, most: number): fc.Arbitrary<string> =>
  fc
    .tuple(charsOf(first), fc.array(charsOf(rest), { maxLength: most - 1, size: "max" }))
    .map(([head, tail]) => head + tail.join(""))

/** What breaks out of a path segment, a file name, an argument, a header or a line, wherever it stands. */
const hostile = [
  "/",
  "\\",
  "\0",
  "\n",
  "\r",
  " ",
  "%2e",
  "é",
  "ａ",
  "..",
  "'",
  '"',
  "$",
  "*",
  "\u202e",
  "~",
  ":"
]

describe("function names", () => {
  const is = Schema.is(FunctionName)

  it("are [a-z0-9][a-z0-9-]{0,62}, and no other string", () => {
    fc.assert(
      fc.property(word(lower + digits, `${lower}${digits}-`, 63), (name) => is(name) !== isFunctionId(name))
    )
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        (text) => is(text) === (/^[a-z0-9][a-z0-9-]{0,62}$/.test(text) && !text.includes("\n"))
      )
    )
    for (const bad of ["", "-a", "A", "a_b", "a.b", "..", ".", "a".repeat(64), "a\n", "\na"])
      expect([bad, is(bad)]).toEqual([bad, false])
    for (const good of ["a", "0", "a".repeat(63), "func", "func-", "a--b-"])
      expect([good, is(good)]).toEqual([good, true])
  })

  it("take nothing that could leave a path, an argument or a line", () => {
    for (const part of hostile)
      for (const bad of [part, `a${part}`, `${part}a`, `a${part}a`])
        expect([bad, is(bad)]).toEqual([bad, false])
  })

  it("are never an id's form: both are found by the same look-up", () => {
    expect(is(newFunctionId())).toBe(false)
    expect(is("func-0000000000000000")).toBe(false)
    // A letter that ids do not have, or another length, is a name.
    expect([is("func-000000000000000i"), is("func-000000000000000")]).toEqual([true, true])
  })
})

describe("version labels", () => {
  const is = Schema.is(VersionLabel)

  it("are 1 to 64 letters, digits, '.', '_', '+', '-', beginning with a letter or digit, without '..'", () => {
    const letters = lower + lower.toUpperCase() + digits
    fc.assert(
      fc.property(word(letters, `${letters}._+-`, 64), (label) => is(label) === !label.includes("..")),
      { numRuns: 300 }
    )
    for (const good of ["v1", "1.0.0", "2026-01-27", "1.0.0-rc.1+build_5", "a".repeat(64), "1."])
      expect([good, is(good)]).toEqual([good, true])
    for (const bad of ["", ".", "..", ".a", "-a", "+a", "_a", "a..b", "1..", "a".repeat(65), "v1\n", "v 1"])
      expect([bad, is(bad)]).toEqual([bad, false])
  })

  it("are safe as a folder's name", () => {
    for (const part of hostile)
      for (const bad of [part, `a${part}`, `${part}a`, `a${part}a`])
        expect([bad, is(bad)]).toEqual([bad, false])
  })
})

describe("identifiers", () => {
  it("that are made are those that are taken, and differ", () => {
    const made = new Set<string>()
    for (let i = 0; i < 200; i += 1) {
      const ids = [newFunctionId(), newVersionId(), newDeploymentId()]
      expect([
        Schema.is(FunctionId)(ids[0]),
        Schema.is(VersionId)(ids[1]),
        Schema.is(DeploymentId)(ids[2])
      ]).toEqual([true, true, true])
      expect(isFunctionId(ids[0] as string)).toBe(true)
      for (const id of ids) made.add(id)
    }
    expect(made.size).toBe(600)
  })

  it("of one kind are not of another", () => {
    expect(Schema.is(FunctionId)(newVersionId())).toBe(false)
    expect(Schema.is(VersionId)(newDeploymentId())).toBe(false)
    for (const bad of [
      "func-",
      "func-000000000000000",
      "func-00000000000000000",
      "func-000000000000000I",
      "func-000000000000000l",
      "func-0000000000000000\n",
      "ver-../../etc/passwd"
    ]) {
      expect([bad, isFunctionId(bad), Schema.is(FunctionId)(bad), Schema.is(VersionId)(bad)]).toEqual([
        bad,
        false,
        false,
        false
      ])
    }
  })
})

describe("invocation ids", () => {
  it("that are made are taken, sort by time and differ", () => {
    const ids = Array.from({ length: 100 }, newInvocationId)
    expect(ids.every(isInvocationId)).toBe(true)
    expect(new Set(ids).size).toBe(100)
    expect([...ids].sort()).toEqual(ids)
  })

  it("from callers are safe tokens of at most 128 characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), (text) => {
        // Whatever is taken can stand in a header, a log line and a file name.
        expect(!isInvocationId(text) || /^[\x21-\x7e]+$/.test(text)).toBe(true)
      })
    )
    for (const good of ["a", "req-1", "0190f3c2-7d5e-7c3a-9d7b-4b7f0f6f1c11", "a:b.c_d", "x".repeat(128)])
      expect([good, isInvocationId(good)]).toEqual([good, true])
    for (const bad of [
      "",
      "-a",
      ".a",
      "x".repeat(129),
      "a b",
      "a\n",
      "a\r\nSet-Cookie: x",
      "a/b",
      "ä",
      "a,b",
      "a~1"
    ])
      expect([bad, isInvocationId(bad)]).toEqual([bad, false])
  })
})
