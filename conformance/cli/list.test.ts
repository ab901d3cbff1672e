import { describe, expect, it } from "vitest"
import { everything } from "../Selection.ts"
import { anySuite } from "../Suites.ts"
import { fakeCase, fakeSuite, requirement, specification } from "../testing/fakes.ts"
import { listing } from "./list.ts"

const known = specification(requirement("WP-001"), requirement("SP-001", { roles: ["server"] }))

describe("the listing", () => {
  it("has the faults that are about a requirement, which check it for no suite", () => {
    const fault = { ...fakeCase("none"), id: "faults/worker-killed", requirements: ["SP-001"] }
    const suites = [fakeSuite([fakeCase("invoke/good")]), { ...fakeSuite([fault]), name: "faults" as const }]
    const text = listing(known, suites.map(anySuite), everything)
    expect(text).toContain("      worker/invoke/good  cases.ts:1\n")
    expect(text).toContain("      faults/worker-killed  cases.ts:1\n")
    expect(text).toContain("2 requirements, 2 of them MUST; 1 cases, 1 faults\n")
    expect(text).toContain("without a case: 1, 1 of them MUST\n")
  })

  it("says nothing of faults where there are none", () => {
    const text = listing(known, [anySuite(fakeSuite([fakeCase("invoke/good")]))], everything)
    expect(text).toContain("2 requirements, 2 of them MUST; 1 cases\n")
    expect(text).not.toContain("fault")
  })
})
