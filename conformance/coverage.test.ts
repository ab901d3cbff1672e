import { beforeAll, describe, expect, it } from "vitest"
import type { Case } from "./model/Case.ts"
import type { Requirement } from "./model/Requirement.ts"
import type { CaseResult } from "./model/Result.ts"
import { type TargetFacts, whyNotApplicable, WORKER_FEATURES } from "./model/Suite.ts"
import { requirementResults } from "./requirementResults.ts"
import { loadRequirements } from "./Requirements.ts"
import { loadServerCases } from "./server/suite.ts"
import { factsOf, type Reach } from "./server/facts.ts"
import { caseResult } from "./testing/fakes.ts"
import { workerSuite } from "./worker/suite.ts"

type AnyCase = Pick<Case<never>, "id" | "requirements" | "needs">

/** What becomes of the MUSTs where each case passes that is for such a target: those that stay without a verdict. */
const left = (
  cases: ReadonlyArray<AnyCase>,
  known: ReadonlyMap<string, Requirement>,
  facts: TargetFacts
): ReadonlyArray<readonly [id: string, status: string, reason: string]> => {
  const results = new Map(
    cases.map((one): [string, CaseResult] => {
      const reason = whyNotApplicable(one, facts, known)
      const verdict =
        reason === null ? { _tag: "Passed" as const } : { _tag: "NotApplicable" as const, reason }
      return [one.id, caseResult(one.id, { verdict })]
    })
  )
  const ours = [...known.values()].filter(({ roles }) => roles.some((role) => facts.roles.includes(role)))
  return requirementResults(ours, cases, results, facts).flatMap(({ id, level, reason = "", status }) =>
    level === "MUST" && (status === "untested" || status === "unchecked") ? [[id, status, reason]] : []
  )
}

/** What runs the functions, and whether they are in JavaScript. */
const RUNTIMES = [
  ["bun", true],
  ["quickjs-ng", true],
  ["other", true],
  ["other", false]
] as const

const subsets = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  all.reduce<ReadonlyArray<ReadonlyArray<A>>>(
    (sets, one) => [...sets, ...sets.map((set) => [...set, one])],
    [[]]
  )

let known: ReadonlyMap<string, Requirement>
beforeAll(async () => {
  known = await loadRequirements()
})

describe("the cases of workers", () => {
  it("leave no MUST that binds without a case, whatever the worker announces and runs", async () => {
    const { cases } = await workerSuite({
      cmd: "worker",
      runtime: "other",
      functions: "/functions",
      extension: "js",
      protocol: "1.1",
      features: null,
      requirements: known,
      caseFiles: [],
      propertyRuns: null,
      timeoutFactor: 1
    })
    for (const protocol of ["1.0", "1.1"] as const) {
      for (const [runtime, isJavaScript] of RUNTIMES) {
        for (const features of protocol === "1.0" ? [[]] : subsets(WORKER_FEATURES)) {
          const facts: TargetFacts = {
            roles: ["worker"],
            protocol,
            javascript: isJavaScript,
            features,
            traits: runtime === "other" ? [] : [runtime]
          }
          expect([protocol, runtime, features, left(cases, known, facts)]).toEqual([
            protocol,
            runtime,
            features,
            []
          ])
        }
      }
    }
  })
})

describe("the cases of servers", () => {
  const everything: Reach = {
    runtimes: ["bun", "quickjs-ng"],
    isStarted: true,
    isScripted: true,
    hasHttp: true,
    hasSocket: true,
    hasLogs: true,
    hasApiKey: false
  }

  it("leave no MUST without a verdict where the suite is given all", async () => {
    expect(left(await loadServerCases(known, null), known, factsOf(everything))).toEqual([])
  })

  it("leave none untested however a server is reached: what is unchecked says what to give", async () => {
    const cases = await loadServerCases(known, null)
    const flags = ["isStarted", "isScripted", "hasHttp", "hasSocket", "hasLogs", "hasApiKey"] as const
    for (const runtimes of [["bun"], ["quickjs-ng"], ["bun", "quickjs-ng"]]) {
      for (const given of subsets(flags)) {
        const chosen = Object.fromEntries(flags.map((flag) => [flag, given.includes(flag)]))
        const facts = factsOf({ ...everything, ...chosen, runtimes })
        const astray = left(cases, known, facts).filter(
          ([, status, reason]) => status !== "unchecked" || !/^the target has no [a-z-]+: \S/.test(reason)
        )
        expect([runtimes, given, astray]).toEqual([runtimes, given, []])
      }
    }
  })
})
