import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import { profileCapabilities } from "./Capabilities.ts"
import { type FunctionRecord, RegisterFunction } from "./FunctionSpec.ts"
import { newFunctionId } from "./Ids.ts"
import { registrationDifferences } from "./registrationDifferences.ts"

const read = (fields: object) => Schema.decodeUnknownSync(RegisterFunction)({ name: "hello", ...fields })

const recordOf = (fields: object): FunctionRecord => {
  const { env, handler, name, runtime, ...settings } = read(fields)
  const at = "2026-01-27T00:00:00.000Z"
  return {
    id: newFunctionId(),
    name,
    runtime,
    handler,
    status: "registered",
    settings,
    env,
    active_version_id: null,
    active_version: null,
    created_at: at,
    updated_at: at
  }
}

const differences = (registered: object, wanted: object) =>
  registrationDifferences(recordOf(registered), read(wanted))

describe("registrationDifferences", () => {
  it("finds none where all is the same, in whatever order", () => {
    const fields = { memory_mb: 64, env: { A: "1", B: "2" }, capabilities: profileCapabilities.strict }
    const { profile, ...rest } = profileCapabilities.strict
    expect(
      differences(fields, { capabilities: { ...rest, profile }, env: { B: "2", A: "1" }, memory_mb: 64 })
    ).toEqual([])
    expect(differences({}, { runtime: "bun", handler: "handler", env: {} })).toEqual([])
  })

  it("names each field with what holds", () => {
    expect(
      differences(
        { memory_mb: 64, handler: "main" },
        { memory_mb: 128, timeout_seconds: 2, handler: "other" }
      )
    ).toEqual([
      { field: "handler", value: "other", message: "it is main" },
      { field: "memory_mb", value: 128, message: "it is 64" },
      { field: "timeout_seconds", value: 2, message: "it follows the server's default" }
    ])
    expect(differences({ memory_mb: 64 }, {})).toEqual([
      { field: "memory_mb", value: undefined, message: "it is 64" }
    ])
  })

  it("compares the capabilities that are in force (LC-005)", () => {
    const { custom, permissive, strict } = profileCapabilities
    const onQuickJs = { runtime: "quickjs-ng" }
    const same = [
      [{}, strict],
      [{ capabilities: strict }, { ...strict, domains: ["example.org"] }]
    ] as const
    for (const [registered, capabilities] of same) {
      expect(differences({ ...onQuickJs, ...registered }, { ...onQuickJs, capabilities })).toEqual([])
      expect(differences({ ...onQuickJs, capabilities }, { ...onQuickJs, ...registered })).toEqual([])
    }
    expect(differences({}, { capabilities: permissive })).toEqual([])
    expect(differences(onQuickJs, { ...onQuickJs, capabilities: custom })).toEqual([
      { field: "capabilities", value: custom, message: `it is ${JSON.stringify(strict)}` }
    ])
    expect(differences({}, onQuickJs).map(({ field }) => field)).toEqual(["runtime"])
  })

  it("names variables of the environment, and never shows a value", () => {
    const found = differences(
      { env: { SAME: "secret-0", OLD: "secret-1", OTHER: "secret-2" } },
      { env: { SAME: "secret-0", NEW: "secret-3", OTHER: "secret-4" } }
    )
    expect(found).toEqual([
      { field: "env.NEW", message: "it is not set" },
      { field: "env.OLD", message: "it is set, and this leaves it out" },
      { field: "env.OTHER", message: "it has another value" }
    ])
    expect(JSON.stringify(found)).not.toContain("secret")
  })

  it("takes names that every object has for what they are", () => {
    expect(differences({}, { env: { constructor: "1", toString: "2" } })).toEqual([
      { field: "env.constructor", message: "it is not set" },
      { field: "env.toString", message: "it is not set" }
    ])
  })
})
