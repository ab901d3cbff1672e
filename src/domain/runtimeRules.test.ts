import { describe, expect, it } from "vitest"
import { profileCapabilities } from "./Capabilities.ts"
import { capabilitiesInForce, runtimeRuleViolations } from "./runtimeRules.ts"

const fields = (...args: Parameters<typeof runtimeRuleViolations>) =>
  runtimeRuleViolations(...args).map(({ field }) => field)

describe("what a runtime can be asked for", () => {
  it("is any profile on quickjs-ng, and none but permissive on bun", () => {
    for (const profile of ["strict", "custom"] as const) {
      const capabilities = profileCapabilities[profile]
      expect(fields("quickjs-ng", { capabilities })).toEqual([])
      expect(runtimeRuleViolations("bun", { capabilities })).toEqual([
        {
          field: "capabilities",
          value: profile,
          message: expect.stringContaining(`cannot enforce the profile "${profile}" on bun yet`) as string
        }
      ])
    }
    const capabilities = profileCapabilities.permissive
    expect(fields("bun", { capabilities })).toEqual([])
    expect(fields("quickjs-ng", { capabilities })).toEqual([])
  })

  it("is no file and no program on quickjs-ng", () => {
    const capabilities = {
      ...profileCapabilities.custom,
      read_paths: ["/etc"],
      write_paths: ["/tmp"],
      child_processes: true,
      domains: ["example.com"],
      eval: true
    }
    expect(fields("quickjs-ng", { capabilities })).toEqual([
      "capabilities.read_paths",
      "capabilities.write_paths",
      "capabilities.child_processes"
    ])
  })

  it("is a snapshot on quickjs-ng alone", () => {
    expect(fields("quickjs-ng", { snapshot: true })).toEqual([])
    expect(fields("bun", { snapshot: true })).toEqual(["snapshot"])
    expect(fields("bun", { snapshot: false, isolation: "invocation" })).toEqual([])
  })
})

describe("what is in force", () => {
  it("without a profile is strict on quickjs-ng and permissive on bun", () => {
    expect(capabilitiesInForce("quickjs-ng", {})).toEqual(profileCapabilities.strict)
    expect(capabilitiesInForce("bun", {})).toEqual(profileCapabilities.permissive)
  })

  it("follows the lists with custom only", () => {
    const granted = { ...profileCapabilities.strict, eval: true, domains: ["example.com"] }
    expect(capabilitiesInForce("quickjs-ng", { capabilities: granted })).toEqual(profileCapabilities.strict)
    const custom = { ...granted, profile: "custom" as const }
    expect(capabilitiesInForce("quickjs-ng", { capabilities: custom })).toEqual(custom)
  })
})
