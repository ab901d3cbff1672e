import { describe, expect, it } from "vitest"
import { parseDocument } from "./requirements.ts"
import { readSpecification, REQUIREMENTS_FILE, requirementsJson, RETIRED_FILE } from "./specification.ts"

const FILE = "spec/worker-protocol.md"
const parse = (text: string) => parseDocument("worker-protocol", FILE, text)
const requirement = (id: string, sentence = "A worker MUST answer.", head = "worker · 1.0"): string =>
  `### ${id} A title\n\n> ${head}\n\n${sentence}\n`

/** What is told about a document: `line: message`. */
const faultsOf = (text: string): ReadonlyArray<string> =>
  parse(text).faults.map(({ file, line, message }) => `${file}:${line}: ${message}`)

describe("a requirement", () => {
  it("is read with all that it says", () => {
    const text = [
      "# Title",
      "",
      "### Not a requirement",
      "",
      "### WP-012 Unknown `type`s are ignored",
      "",
      "> worker, host · 1.1 · feature cancel · javascript",
      "",
      "A worker or host MUST NOT mind a message",
      "whose `type` it does not know, such as `A. MUST`.",
      "",
      "**Why.** It may be later. And more, as WP-013 says.",
      "",
      requirement("WP-013", "A worker SHOULD answer, see WP-012.")
    ].join("\n")
    const { faults, mentions, requirements } = parse(text)
    expect(faults).toEqual([])
    expect(requirements).toEqual([
      {
        id: "WP-012",
        title: "Unknown `type`s are ignored",
        level: "MUST",
        text: "A worker or host MUST NOT mind a message whose `type` it does not know, such as `A. MUST`.",
        area: "worker-protocol",
        file: FILE,
        line: 5,
        roles: ["worker", "host"],
        since: "1.1",
        feature: "cancel",
        javascript: true
      },
      expect.objectContaining({
        id: "WP-013",
        level: "SHOULD",
        roles: ["worker"],
        feature: null,
        javascript: false
      })
    ])
    expect(mentions.map(({ id, line }) => [id, line])).toEqual([
      ["WP-013", 12],
      ["WP-012", 18]
    ])
  })

  it.each(["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"])("may say %s", (keyword) => {
    const { faults, requirements } = parse(requirement("WP-001", `A worker ${keyword} answer.`))
    expect(faults).toEqual([])
    expect(requirements.map(({ level }) => level)).toEqual([keyword.replace(" NOT", "")])
  })

  it("ends at the next heading, also without an empty line between", () => {
    const { faults, requirements } = parse(`${requirement("WP-001")}${requirement("WP-002")}## Next\n`)
    expect(faults).toEqual([])
    expect(requirements.map(({ id, text }) => [id, text])).toEqual([
      ["WP-001", "A worker MUST answer."],
      ["WP-002", "A worker MUST answer."]
    ])
  })

  it("in a block of code is none", () => {
    expect(parse(`\`\`\`\n${requirement("WP-001")}\`\`\`\n~~~~\n~~~\n${requirement("WP-1")}~~~~\n`)).toEqual({
      requirements: [],
      mentions: [],
      faults: []
    })
  })

  it.each([
    [
      "two keywords",
      "A worker MUST answer and SHOULD do so.",
      "5: WP-001: the sentence has 2 keywords (MUST, SHOULD)"
    ],
    [
      "one keyword twice",
      "A worker MUST answer, it MUST.",
      "5: WP-001: the sentence has 2 keywords (MUST, MUST)"
    ],
    ["no keyword", "A worker must answer.", "5: WP-001: the sentence has none of MUST"],
    ["a keyword in code only", "A worker answers `MUST`.", "5: WP-001: the sentence has none of MUST"],
    ["another keyword of the RFC", "A worker SHALL answer.", "5: WP-001: SHALL is not used here"],
    ["two sentences", "A worker MUST answer. It does.", "5: WP-001: that is more than one sentence"],
    ["no full stop", "A worker MUST answer", "5: WP-001: the sentence does not end with a full stop"]
  ])("with %s is refused", (_what, sentence, message) => {
    expect(faultsOf(requirement("WP-001", sentence))).toEqual([expect.stringContaining(`${FILE}:${message}`)])
  })

  it.each([
    ["an unknown role", "server · 1.0", 'unknown role "server"; of this document: worker, host'],
    ["no role", "· 1.0", 'unknown role "· 1.0"'],
    ["a role twice", "host, host · 1.0", "a role stands twice"],
    ["an unknown version", "worker · 1.2", '"1.2" is no version'],
    ["no version", "worker", '"" is no version'],
    ["an unknown feature", "worker · 1.1 · feature telepathy", 'unknown feature "telepathy"'],
    ["two features", "worker · 1.1 · feature ping · feature call", '"feature call" is no condition'],
    ["an unknown condition", "worker · 1.1 · python", '"python" is no condition']
  ])("with %s is refused", (_what, head, message) => {
    expect(faultsOf(requirement("WP-001", undefined, head))).toEqual([
      expect.stringContaining(`${FILE}:3: WP-001: ${message}`)
    ])
  })

  it.each([
    ["no line of roles", "### WP-001 Title\n\nA worker answers.\n", "1: WP-001 is not followed by one line"],
    [
      "two lines of roles",
      "### WP-001 Title\n\n> worker\n> · 1.0\n",
      "1: WP-001 is not followed by one line"
    ],
    ["nothing after it", "### WP-001 Title", "1: WP-001 is not followed by one line"],
    ["no sentence", "### WP-001 Title\n\n> worker · 1.0\n\n## Next\n", "3: WP-001 has no sentence"],
    ["no title", "### WP-001\n", "1: WP-001 has no title"],
    ["another level", "#### WP-001 Title\n", "1: WP-001 is a heading of level 4; use 3"],
    ["two digits", "### WP-01 Title\n", '1: "WP-01" is no id; use WP- and three digits'],
    ["small letters", "### wp-001 Title\n", '1: "wp-001" is no id'],
    ["a colon", "### WP-001: Title\n", '1: "WP-001:" is no id'],
    ["another document's id", "### SP-001 Title\n", "1: SP-001 cannot stand in this document"]
  ])("with %s is refused", (_what, text, message) => {
    expect(faultsOf(text)).toEqual([expect.stringContaining(`${FILE}:${message}`)])
  })
})

describe("a document", () => {
  it("requires nothing outside of its requirements", () => {
    expect(faultsOf("Everybody MUST know.\n\n| it MAY | be |\n\n`MUST` may be written.\n")).toEqual([
      expect.stringContaining(`${FILE}:1: MUST outside of a requirement's sentence`),
      expect.stringContaining(`${FILE}:3: MAY outside of a requirement's sentence`)
    ])
  })

  it("has lines of at most 120 characters, save tables and code", () => {
    const long = "x".repeat(121)
    expect(faultsOf(`${long}\n\n| ${long} |\n\n\`\`\`\n${long}\n\`\`\`\n\n${"é".repeat(120)}\n`)).toEqual([
      `${FILE}:1: the line has 121 characters; 120 are the most`
    ])
  })

  it("that there is none of is refused", () => {
    expect(() => parseDocument("poetry", "spec/poetry.md", "")).toThrow("poetry")
  })
})

describe("the specification", () => {
  const read = (files: Readonly<Record<string, string>>) => {
    const { faults, requirements } = readSpecification(new Map(Object.entries(files)))
    return { requirements, faults: faults.map(({ file, line, message }) => `${file}:${line}: ${message}`) }
  }
  const generated = (text: string): string => requirementsJson(parse(text).requirements)
  const retired = (...ids: ReadonlyArray<string>): string =>
    JSON.stringify({ retired: ids.map((id) => ({ id, title: "It was", why: "it is no more" })) }, null, 2)

  it("is what its documents say, in their order; some may be missing", () => {
    const socket = requirement("SP-001", "A server MUST listen.", "server · 1.0 · feature socket")
    const { faults, requirements } = read({
      "spec/socket-protocol.md": socket,
      [FILE]: `${requirement("WP-002")}\n${requirement("WP-001")}`
    })
    expect(faults).toEqual([])
    expect(requirements.map(({ id }) => id)).toEqual(["WP-002", "WP-001", "SP-001"])
  })

  it("has each id once", () => {
    const { faults } = read({
      [FILE]: `${requirement("WP-001")}\n${requirement("WP-001", "A worker MAY end.")}`
    })
    expect(faults).toEqual([`${FILE}:7: WP-001 is used already in ${FILE}:1`])
  })

  it("keeps what it had", () => {
    const before = `${requirement("WP-001")}\n${requirement("WP-002")}`
    const { faults } = read({ [FILE]: requirement("WP-001"), [REQUIREMENTS_FILE]: generated(before) })
    expect(faults).toEqual([
      `${REQUIREMENTS_FILE}:19: WP-002 has vanished from the documents; put it back, or into ${RETIRED_FILE}`
    ])
  })

  it("lets go what is retired, which may still be mentioned", () => {
    const before = `${requirement("WP-001")}\n${requirement("WP-002")}`
    const { faults } = read({
      [FILE]: `${requirement("WP-001")}\nThere was WP-002.\n`,
      [REQUIREMENTS_FILE]: generated(before),
      [RETIRED_FILE]: retired("WP-002")
    })
    expect(faults).toEqual([])
  })

  it("gives no id of a retired requirement again", () => {
    const { faults } = read({ [FILE]: requirement("WP-002"), [RETIRED_FILE]: retired("WP-001", "WP-002") })
    expect(faults).toEqual([`${FILE}:1: WP-002 is retired (${RETIRED_FILE}); an id is never used again`])
  })

  it("tells why a requirement was retired", () => {
    const { faults } = read({ [RETIRED_FILE]: '{\n"retired": [\n{"id":"WP-001","title":"It was"}]}' })
    expect(faults).toEqual([`${RETIRED_FILE}:3: WP-001 needs "title" and "why"`])
  })

  it("mentions only what is there", () => {
    const { faults } = read({ [FILE]: `${requirement("WP-001")}\nSee WP-001 and SP-007.\n` })
    expect(faults).toEqual([`${FILE}:7: SP-007 is mentioned, and is no requirement`])
  })

  it("tells a malformed requirement once: it has not vanished as well", () => {
    const { faults } = read({
      [FILE]: `${requirement("WP-001", "Nobody knows.")}\nSee WP-001.\n`,
      [REQUIREMENTS_FILE]: generated(requirement("WP-001"))
    })
    expect(faults).toEqual([expect.stringContaining(`${FILE}:5: WP-001: the sentence has none`)])
  })

  it.each([
    [REQUIREMENTS_FILE, "{", "is no JSON"],
    [REQUIREMENTS_FILE, "[]", 'has no list "requirements"'],
    [REQUIREMENTS_FILE, "null", 'has no list "requirements"'],
    [RETIRED_FILE, '{"retired":[{"id":"WP-001","title":"a","why":"b"},{}]}', 'entry 2 of "retired" has no id']
  ])("%s that is %s is told", (file, text, message) => {
    expect(read({ [file]: text }).faults).toEqual([expect.stringContaining(`${file}:1: ${message}`)])
  })
})
