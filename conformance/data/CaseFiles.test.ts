import { Schema } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { CaseFailure, SetUpFailed } from "../model/Case.ts"
import type { Requirement } from "../model/Requirement.ts"
import { loadCaseFiles } from "./CaseFiles.ts"
import { CaseFileErrors } from "./Mistakes.ts"
import { playSteps, stepKind } from "./steps.ts"

let folder = ""
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "case-files-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const requirement = (id: string): Requirement => ({
  id,
  title: id,
  level: "MUST",
  text: `A worker MUST ${id}.`,
  area: "worker-protocol",
  file: "spec/worker-protocol.md",
  line: 1,
  roles: ["worker"],
  since: "1.0",
  feature: null,
  javascript: false
})

const steps = [
  stepKind({
    name: "say",
    schema: Schema.Struct({ text: Schema.String, times: Schema.optionalWith(Schema.Int, { exact: true }) }),
    check: ({ text }) => (text.includes("$") ? [{ path: ["text"], message: `unknown matcher ${text}` }] : []),
    play: ({ text, times = 1 }, said: Array<string>) => {
      for (let i = 0; i < times; i++) said.push(text)
    }
  }),
  stepKind({
    name: "alive",
    schema: Schema.Literal(true),
    play: (_, said: Array<string>) => {
      throw new CaseFailure("it is not", { expected: "life", observed: said.length })
    }
  })
]

const load = async (texts: Record<string, string>, takenIds: ReadonlyArray<string> = []) => {
  const files = await Promise.all(
    Object.entries(texts).map(async ([name, text]) => {
      await writeFile(join(folder, name), text)
      return join(folder, name)
    })
  )
  return await loadCaseFiles({
    files,
    suite: "worker",
    roles: ["worker"],
    requirements: new Map([
      ...["WP-001", "WP-002"].map((id): [string, Requirement] => [id, requirement(id)]),
      ["SP-001", { ...requirement("SP-001"), roles: ["server", "host"] }]
    ]),
    fields: Schema.Struct({
      function: Schema.String,
      handler: Schema.optionalWith(Schema.String, { exact: true })
    }),
    checkFields: (fields) =>
      fields.function === "nobody" ? [{ path: ["function"], message: "there is no function nobody" }] : [],
    steps,
    defaultTimeoutMs: 5_000,
    takenIds
  })
}

/** The lines of what is refused, without the folder. */
const mistakesOf = async (texts: Record<string, string>, takenIds?: ReadonlyArray<string>) => {
  const refused = await load(texts, takenIds).then(
    () => null,
    (error: unknown) => error
  )
  expect(refused).toBeInstanceOf(CaseFileErrors)
  return refused instanceof CaseFileErrors
    ? refused.lines.map((line) => line.replaceAll(`${folder}/`, ""))
    : []
}

/** A plain case; what it has besides makes it wrong. */
const plain = (id: string, requirements: string, more = "") =>
  `  - { id: ${id}, title: T, requirements: [${requirements}], function: echo, steps: [{ alive: true }]${more} }\n`

const GOOD = `area: invoke
needs: { features: [ping] }
cases:
  - id: answers-once
    title: An invocation is answered once
    requirements: [WP-001, WP-002]
    function: echo
    needs: { protocol: "1.1", features: [cancel] }
    timeout_ms: 900
    steps:
      - say: { text: one, times: 2 }
      - say: { text: two }
  - id: second
    title: Another
    requirements: [WP-001]
    function: echo
    alone: true
    steps: [{ alive: true }]
`

describe("case files", () => {
  it("check requirements of their suite's roles alone", async () => {
    expect(await mistakesOf({ "a.yaml": `area: a\ncases:\n${plain("one", "WP-001, SP-001")}` })).toEqual([
      "a.yaml:3:49: SP-001 binds server and host, and no case of the worker suite checks it"
    ])
  })

  it("are told of an id that is taken also where either case has other mistakes", async () => {
    const text = `area: a\ncases:\n${plain("one", "WP-009")}${plain("one", "WP-001")}${plain("one", "WP-001", ", later: 1")}`
    expect(await mistakesOf({ "a.yaml": text })).toEqual([
      "a.yaml:3:41: there is no requirement WP-009 in the specification",
      "a.yaml:4:11: the id worker/a/one is taken by a.yaml:3",
      "a.yaml:5:11: the id worker/a/one is taken by a.yaml:3",
      expect.stringMatching(/^a\.yaml:5:\d+: unknown key later/)
    ])
  })

  it("become cases, with what their file says for all of them and their place", async () => {
    const [first, second] = await load({ "a.yaml": GOOD })
    expect(first).toMatchObject({
      id: "worker/invoke/answers-once",
      title: "An invocation is answered once",
      requirements: ["WP-001", "WP-002"],
      needs: { protocol: "1.1", features: ["ping", "cancel"] },
      timeoutMs: 900,
      alone: false,
      fields: { function: "echo" },
      source: `${folder}/a.yaml:4`
    })
    expect(second).toMatchObject({
      id: "worker/invoke/second",
      needs: { features: ["ping"] },
      timeoutMs: 5_000,
      alone: true
    })
  })

  it("play their steps in order; what a step sees says where it stands", async () => {
    const [first, second] = await load({ "a.yaml": GOOD })
    const said: Array<string> = []
    const { signal } = new AbortController()
    await playSteps(first?.steps ?? [], said, signal)
    expect(said).toEqual(["one", "one", "two"])
    const failure = await playSteps(second?.steps ?? [], said, signal).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      name: "CaseFailure",
      message: `alive (${folder}/a.yaml:18:13): it is not`,
      expected: "life",
      observed: 3
    })
  })

  it("fail in their set-up where a step does, and say which it is", async () => {
    const register = {
      name: "register",
      place: { file: "a.yaml", line: 3, column: 5 },
      play: () => Promise.reject(new SetUpFailed("the registration was refused", "400"))
    }
    const { signal } = new AbortController()
    const failure = await playSteps([register], undefined, signal).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      name: "SetUpFailed",
      message: "register (a.yaml:3:5): the registration was refused",
      observed: "400"
    })
  })

  it("end between two steps when their time is over", async () => {
    const [first] = await load({ "a.yaml": GOOD })
    const said: Array<string> = []
    await expect(playSteps(first?.steps ?? [], said, AbortSignal.abort(new Error("over")))).rejects.toThrow(
      "over"
    )
    expect(said).toEqual([])
  })

  it("are refused with every mistake of all files, each with file, line and column", async () => {
    expect(
      await mistakesOf({
        "a.yaml": `area: invoke
cases:
  - id: Answers once
    titel: An invocation
    requirements: [WP-001, WP-999]
    function: echo
    steps:
      - sya: { text: one }
  - id: b
    title: B
    requirements: [WP-001, WP-999]
    function: nobody
    functoin: echo
    timeout_ms: 0
    steps:
      - say: { text: 3, tmies: 1 }
      - say: { text: $foo }
      - { say: { text: a }, alive: true }
      - alive: yes please
`,
        "b.yaml": "area: x\ncases:\n  - id: [\n",
        "c.yaml": "area: x\narea: y\ncases: []\n"
      })
    ).toEqual([
      "a.yaml:3:5: title is missing",
      "a.yaml:3:9: use lower case words with dashes: answers-once",
      "a.yaml:4:5: unknown key titel; did you mean title?",
      "a.yaml:5:28: there is no requirement WP-999 in the specification",
      "a.yaml:8:9: there is no step sya; did you mean say?",
      "a.yaml:11:28: there is no requirement WP-999 in the specification",
      "a.yaml:13:5: unknown key functoin; did you mean function?",
      "a.yaml:14:17: use milliseconds from 1 to 120000",
      "a.yaml:16:22: text: expected a string",
      "a.yaml:16:25: unknown key tmies; did you mean times?",
      "a.yaml:17:22: unknown matcher $foo",
      "a.yaml:18:9: a step is a map with one key, which says what it does: say, alive",
      "a.yaml:19:16: expected true",
      "b.yaml:4:1: Flow sequence in block collection must be sufficiently indented and end with a ]",
      "c.yaml:2:1: Map keys must be unique"
    ])
  })

  it.each([
    ["no YAML of ours", "just text", ["a.yaml:1:1: expected a map"]],
    ["nothing", "", ["a.yaml:1:1: expected a map"]],
    [
      "a case that is none",
      "area: x\ncases:\n  - 3\n  - [a]\n",
      ["a.yaml:3:5: a case is a map", "a.yaml:4:5: a case is a map"]
    ],
    [
      "two documents",
      "area: x\ncases: []\n---\narea: y\n",
      ["a.yaml:3:1: Source contains multiple documents; please use YAML.parseAllDocuments()"]
    ],
    [
      "a function that there is not",
      GOOD.replace("function: echo", "function: nobody"),
      ["a.yaml:7:15: there is no function nobody"]
    ],
    [
      "an id twice",
      GOOD.replace("id: second", "id: answers-once"),
      ["a.yaml:13:9: the id worker/invoke/answers-once is taken by a.yaml:4"]
    ],
    [
      "no steps and no requirement",
      "area: x\ncases:\n  - { id: a, title: A, requirements: [], function: f, steps: [] }\n",
      ["a.yaml:3:38: a case checks at least one requirement", "a.yaml:3:62: a case has at least one step"]
    ]
  ])("are refused: %s", async (_, text, lines) => {
    expect(await mistakesOf({ "a.yaml": text })).toEqual(lines)
  })

  it("may not take the id of a case that is code, or be away", async () => {
    expect(await mistakesOf({ "a.yaml": GOOD }, ["worker/invoke/second"])).toEqual([
      "a.yaml:13:9: the id worker/invoke/second is taken by a case in code"
    ])
    await expect(
      loadCaseFiles({
        files: [join(folder, "none.yaml")],
        suite: "worker",
        roles: ["worker"],
        requirements: new Map(),
        fields: Schema.Struct({}),
        steps,
        defaultTimeoutMs: 1
      })
    ).rejects.toThrow(/none\.yaml: cannot be read: ENOENT/)
  })
})
