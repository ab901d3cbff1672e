import { describe, expect, it } from "vitest"
import { everything, type Filters, select, UnknownNames } from "./Selection.ts"
import { fakeCase, requirement, specification } from "./testing/fakes.ts"

const known = specification(
  requirement("WP-001"),
  requirement("WP-002", { level: "SHOULD" }),
  requirement("ER-001", { area: "errors", roles: ["worker", "server"] }),
  requirement("SP-001", { area: "socket-protocol", roles: ["server"] })
)
const cases = [
  fakeCase("invoke/answers-once", undefined, { requirements: ["WP-001", "ER-001"] }),
  fakeCase("invoke/echo", undefined, { requirements: ["WP-002"] }),
  fakeCase("ping/pong", undefined, { requirements: ["WP-002"] })
]

const chosen = (filters: Partial<Filters>) => {
  const selection = select(cases, known, ["worker"], { ...everything, ...filters })
  return {
    cases: selection.cases.map(({ id }) => id.replace("worker/", "")),
    requirements: selection.requirements.map(({ id }) => id)
  }
}

describe("what is run", () => {
  it("is everything of the suite's roles without filters", () => {
    expect(chosen({})).toEqual({
      cases: ["invoke/answers-once", "invoke/echo", "ping/pong"],
      requirements: ["WP-001", "WP-002", "ER-001"]
    })
  })

  it.each<[string, Partial<Filters>, ReturnType<typeof chosen>]>([
    ["a case", { ids: ["worker/invoke/echo"] }, { cases: ["invoke/echo"], requirements: ["WP-002"] }],
    [
      "cases by a glob",
      { ids: ["*/invoke/*"] },
      { cases: ["invoke/answers-once", "invoke/echo"], requirements: ["WP-001", "WP-002", "ER-001"] }
    ],
    [
      "a requirement, whatever its case",
      { ids: ["er-001"] },
      { cases: ["invoke/answers-once"], requirements: ["ER-001"] }
    ],
    [
      "requirements by a glob",
      { ids: ["WP-00?"] },
      { cases: ["invoke/answers-once", "invoke/echo", "ping/pong"], requirements: ["WP-001", "WP-002"] }
    ],
    [
      "an area of the specification",
      { areas: ["errors"] },
      { cases: ["invoke/answers-once"], requirements: ["ER-001"] }
    ],
    [
      "an area by its letters",
      { areas: ["ER"] },
      { cases: ["invoke/answers-once"], requirements: ["ER-001"] }
    ],
    ["an area of cases", { areas: ["ping"] }, { cases: ["ping/pong"], requirements: ["WP-002"] }],
    ["a level", { levels: ["SHOULD"] }, { cases: ["invoke/echo", "ping/pong"], requirements: ["WP-002"] }],
    [
      "all filters together",
      { levels: ["SHOULD"], areas: ["invoke", "errors"] },
      { cases: ["invoke/echo"], requirements: ["WP-002"] }
    ],
    ["nothing that there is", { levels: ["MAY"] }, { cases: [], requirements: [] }]
  ])("is %s", (_, filters, expected) => {
    expect(chosen(filters)).toEqual(expected)
  })

  it.each<[string, Partial<Filters>, ReadonlyArray<string>]>([
    [
      "a case",
      { ids: ["worker/invoke/eco"] },
      ["--id worker/invoke/eco: there is no such case or requirement; did you mean worker/invoke/echo?"]
    ],
    ["a glob", { ids: ["XX-*"] }, ["--id XX-*: no case and no requirement is like that"]],
    [
      "another suite's requirement",
      { ids: ["SP-001"] },
      ["--id SP-001: SP-001 binds server, and is not in this suite"]
    ],
    [
      "areas",
      { areas: ["invok", "qqqqqqqq"] },
      [
        "--area invok: there is no such area; did you mean invoke?",
        "--area qqqqqqqq: there is no such area; there are errors, invoke, ping, worker-protocol"
      ]
    ]
  ])("is refused where it names what there is not: %s", (_, filters, lines) => {
    const refusal = (() => {
      try {
        return chosen(filters)
      } catch (error) {
        return error
      }
    })()
    expect(refusal).toBeInstanceOf(UnknownNames)
    expect(refusal).toMatchObject({ lines })
  })

  it("is refused where a case that is code has an id twice, or checks what there is not", () => {
    const wrong = [
      ...cases,
      fakeCase("ping/pong", undefined, { source: "again.ts:3" }),
      fakeCase("ping/other", undefined, { requirements: ["WP-999"], source: "other.ts:4" }),
      fakeCase("ping/none", undefined, { requirements: [], source: "none.ts:5" }),
      fakeCase("ping/server", undefined, { requirements: ["SP-001"], source: "server.ts:6" })
    ]
    expect(() => select(wrong, known, ["worker"], everything)).toThrow(
      [
        "again.ts:3: the id worker/ping/pong is taken by cases.ts:1",
        "other.ts:4: worker/ping/other: there is no requirement WP-999 in the specification",
        "none.ts:5: worker/ping/none checks no requirement",
        "server.ts:6: worker/ping/server: SP-001 binds server, and is not in this suite"
      ].join("\n")
    )
  })
})
