import type { Case, CaseContext } from "../model/Case.ts"
import type { Requirement } from "../model/Requirement.ts"
import type { CaseResult, RequirementResult, RunResult } from "../model/Result.ts"
import type { StartContext, StartedTarget, Suite } from "../model/Suite.ts"

/** For tests: small requirements, cases, suites and results, with what matters to the test given. */

export const requirement = (id: string, more: Partial<Requirement> = {}): Requirement => ({
  id,
  title: `Title of ${id}`,
  level: "MUST",
  text: `A worker MUST do ${id}.`,
  area: "worker-protocol",
  file: "spec/worker-protocol.md",
  line: 1,
  roles: ["worker"],
  since: "1.0",
  feature: null,
  javascript: false,
  ...more
})

export const specification = (...all: ReadonlyArray<Requirement>): ReadonlyMap<string, Requirement> =>
  new Map(all.map((one) => [one.id, one]))

export interface FakeTarget {
  readonly greeting: string
}

export const fakeCase = (
  id: string,
  run: (target: FakeTarget, context: CaseContext) => Promise<void> | void = () => {},
  more: Partial<Case<FakeTarget>> = {}
): Case<FakeTarget> => ({
  id: `worker/${id}`,
  title: `Title of ${id}`,
  requirements: ["WP-001"],
  source: "cases.ts:1",
  needs: {},
  timeoutMs: 10_000,
  alone: false,
  run: async (target, context) => run(target, context),
  ...more
})

export const fakeSuite = (
  cases: ReadonlyArray<Case<FakeTarget>>,
  more: {
    readonly facts?: Partial<StartedTarget<FakeTarget>["facts"]>
    readonly start?: (context: StartContext) => Promise<void>
    readonly stop?: () => Promise<void>
  } = {}
): Suite<FakeTarget> => ({
  name: "worker",
  roles: ["worker"],
  title: "fake",
  command: "fake --worker",
  cases,
  start: async (context) => {
    await more.start?.(context)
    return {
      target: { greeting: "hello" },
      facts: {
        roles: ["worker"],
        protocol: "1.1",
        javascript: true,
        features: [],
        traits: [],
        ...more.facts
      },
      about: { protocol: "1.1" },
      stop: more.stop ?? (() => Promise.resolve())
    }
  }
})

export const caseResult = (id: string, more: Partial<CaseResult> = {}): CaseResult => ({
  id,
  title: `Title of ${id}`,
  requirements: ["WP-001"],
  source: "conformance/worker/cases/invoke.yaml:4",
  verdict: { _tag: "Passed" },
  durationMs: 12.3456,
  propertyRuns: 0,
  ...more
})

export const requirementResult = (id: string, more: Partial<RequirementResult> = {}): RequirementResult => ({
  id,
  title: `Title of ${id}`,
  level: "MUST",
  text: `A worker MUST do ${id}.`,
  area: "worker-protocol",
  file: "spec/worker-protocol.md",
  line: 1,
  status: "passed",
  cases: [],
  ...more
})

export const runResult = (more: Partial<RunResult> = {}): RunResult => ({
  format: 1,
  suite: "worker",
  target: "bun",
  command: "bun worker.ts",
  startedAt: "2026-11-20T10:00:00.000Z",
  durationMs: 1_234.5,
  seed: 42,
  about: { protocol: "1.1", features: ["ping"] },
  chosen: more.cases?.length ?? 0,
  available: more.cases?.length ?? 0,
  interrupted: false,
  problems: [],
  cases: [],
  requirements: [],
  ...more
})
