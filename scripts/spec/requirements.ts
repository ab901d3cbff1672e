/**
 * Reads requirements out of one Markdown document of the specification. Their form:
 *
 *     ### WP-012 Unknown message types are ignored
 *
 *     > worker, host · 1.0
 *
 *     A worker or host MUST ignore a message whose `type` it does not know.
 *
 * The quoted line has the roles, the version that brought it, and optionally `feature NAME` and `javascript`. The paragraph
 * after it is one sentence with one keyword. Whatever else stands before the next heading is explanation.
 */

/** As `spec/requirements.json` has it; `conformance/model/Requirement.ts` describes the same fields. */
export interface Requirement {
  readonly id: string
  readonly title: string
  readonly level: "MUST" | "SHOULD" | "MAY"
  readonly text: string
  readonly area: string
  readonly file: string
  readonly line: number
  readonly roles: ReadonlyArray<string>
  readonly since: string
  readonly feature: string | null
  readonly javascript: boolean
}

/** Something that is wrong in a document. */
export interface Fault {
  readonly file: string
  /** 1-based. */
  readonly line: number
  readonly message: string
}

/** A requirement that another place names. */
export interface Mention {
  readonly id: string
  readonly file: string
  readonly line: number
}

export interface Parsed {
  readonly requirements: ReadonlyArray<Requirement>
  readonly mentions: ReadonlyArray<Mention>
  readonly faults: ReadonlyArray<Fault>
}

interface Area {
  readonly prefix: string
  readonly versions: ReadonlyArray<string>
  readonly roles: ReadonlyArray<string>
  readonly features: ReadonlyArray<string>
}

const workerFeatures = ["concurrency", "cancel", "ping", "load", "call", "fork"]
const traits = ["quickjs-ng", "bun", "socket", "http"]
const ofServers = { versions: ["1.0"], roles: ["server"], features: traits }

/** The documents, in the order in which they are read. Whom a document may bind, and on what conditions. */
export const AREAS: ReadonlyMap<string, Area> = new Map([
  [
    "worker-protocol",
    { prefix: "WP", versions: ["1.0", "1.1"], roles: ["worker", "host"], features: workerFeatures }
  ],
  ["socket-protocol", { prefix: "SP", ...ofServers }],
  ["http-gateway", { prefix: "HG", ...ofServers }],
  ["errors", { prefix: "ER", ...ofServers }],
  ["lifecycle", { prefix: "LC", ...ofServers }],
  ["capabilities", { prefix: "CP", ...ofServers }],
  ["guarantees", { prefix: "GR", ...ofServers }]
])

const prefixes = [...AREAS.values()].map(({ prefix }) => prefix).join("|")
const MENTION = new RegExp(`\\b(?:${prefixes})-\\d+\\b`, "g")
const ID = /^[A-Z]{2}-\d{3}$/
/** RFC 2119's words, all of them; of these the documents use five. */
const KEYWORD = /\b(?:MUST NOT|MUST|SHOULD NOT|SHOULD|MAY|SHALL NOT|SHALL|REQUIRED|RECOMMENDED|OPTIONAL)\b/g
const USED = new Set(["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"])
const LONGEST_LINE = 120

const withoutCode = (text: string): string => text.replaceAll(/`[^`]*`/g, "`code`")
const keywordsOf = (text: string): ReadonlyArray<string> => withoutCode(text).match(KEYWORD) ?? []
const listed = (names: ReadonlyArray<string>): string => names.join(", ")

/** What stands at the head of a requirement, or why it cannot be told. */
const readConditions = (
  line: string,
  area: Area
): Pick<Requirement, "roles" | "since" | "feature" | "javascript"> | string => {
  const [who = "", since = "", ...rest] = line.slice(1).trim().split(" · ")
  const roles = who.split(",").map((role) => role.trim())
  const unknown = roles.filter((role) => !area.roles.includes(role))
  if (unknown.length > 0)
    return `unknown role "${unknown.join('", "')}"; of this document: ${listed(area.roles)}`
  if (new Set(roles).size < roles.length) return `a role stands twice: ${who}`
  if (!area.versions.includes(since))
    return `"${since}" is no version of this document's; there are ${listed(area.versions)}`
  let feature: string | null = null
  let javascript = false
  for (const condition of rest) {
    const name = /^feature (\S+)$/.exec(condition)?.[1]
    if (name !== undefined && feature === null) {
      if (!area.features.includes(name))
        return `unknown feature "${name}"; of this document: ${listed(area.features)}`
      feature = name
    } else if (condition === "javascript" && !javascript) javascript = true
    else return `"${condition}" is no condition; use "feature NAME" and "javascript", each at most once`
  }
  return { roles, since, feature, javascript }
}

/** The sentence's level, or what is wrong with it. */
const readLevel = (sentence: string): { readonly level: Requirement["level"] } | string => {
  const keywords = keywordsOf(sentence)
  const [keyword] = keywords
  if (keyword === undefined) return "the sentence has none of MUST, MUST NOT, SHOULD, SHOULD NOT, MAY"
  if (keywords.length > 1)
    return `the sentence has ${keywords.length} keywords (${listed(keywords)}); a requirement has one`
  if (!USED.has(keyword)) return `${keyword} is not used here; say MUST, MUST NOT, SHOULD, SHOULD NOT or MAY`
  const plain = withoutCode(sentence)
  if (!plain.endsWith(".")) return "the sentence does not end with a full stop"
  if (/[.!?] +[\p{Lu}`]/u.test(plain)) return "that is more than one sentence"
  return { level: keyword.replace(" NOT", "") as Requirement["level"] }
}

/** A line's kind: text counts, code does not. */
interface Line {
  readonly text: string
  readonly number: number
  readonly code: boolean
}

const linesOf = (text: string): ReadonlyArray<Line> => {
  let fence: string | null = null
  return text.split("\n").map((line, index) => {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    const code = fence !== null || mark !== undefined
    if (mark !== undefined) {
      if (fence === null) fence = mark
      else if (mark.startsWith(fence)) fence = null
    }
    return { text: line, number: index + 1, code }
  })
}

const endsParagraph = ({ code, text }: Line): boolean => code || text.trim() === "" || text.startsWith("#")

/** Reads the document `area` (its file's name without `.md`), which lies in `file` and has this text. */
export const parseDocument = (area: string, file: string, text: string): Parsed => {
  const rules = AREAS.get(area)
  if (rules === undefined) throw new Error(`there is no document "${area}" in the specification`)
  const requirements: Array<Requirement> = []
  const mentions: Array<Mention> = []
  const faults: Array<Fault> = []
  const fault = (line: number, message: string): void => void faults.push({ file, line, message })

  const lines = linesOf(text)
  /** Numbers of the lines that are some requirement's sentence. */
  const sentences = new Set<number>()

  const readRequirement = (at: number, id: string, title: string): void => {
    const { number } = lines[at] as Line
    const paragraph = (from: number): ReadonlyArray<Line> => {
      let start = from
      while (lines[start]?.text.trim() === "") start += 1
      let end = start
      while (end < lines.length && !endsParagraph(lines[end] as Line)) end += 1
      return lines.slice(start, end)
    }
    const head = paragraph(at + 1)
    const [quoted] = head
    if (quoted === undefined || head.length !== 1 || !quoted.text.startsWith("> "))
      return fault(number, `${id} is not followed by one line "> ROLES · VERSION" between empty lines`)
    const conditions = readConditions(quoted.text, rules)
    const body = paragraph(quoted.number)
    for (const line of body) sentences.add(line.number)
    const [first] = body
    if (first === undefined || /^(>|\||[-*] |\d+\. )/.test(first.text))
      return fault(quoted.number, `${id} has no sentence after its roles`)
    const sentence = body.map((line) => line.text.trim()).join(" ")
    const level = readLevel(sentence)
    if (typeof conditions === "string") fault(quoted.number, `${id}: ${conditions}`)
    if (typeof level === "string") fault(first.number, `${id}: ${level}`)
    if (typeof conditions === "string" || typeof level === "string") return
    requirements.push({
      id,
      title,
      level: level.level,
      text: sentence,
      area,
      file,
      line: number,
      ...conditions
    })
  }

  for (const [at, line] of lines.entries()) {
    if (line.code) continue
    if (line.text.length > LONGEST_LINE && !line.text.startsWith("|"))
      fault(line.number, `the line has ${line.text.length} characters; ${LONGEST_LINE} are the most`)
    const heading = /^(#{1,6}) +(.*)$/.exec(line.text)
    const word = heading?.[2]?.split(" ")[0] ?? ""
    if (heading !== null && /^[A-Za-z]{2}-?\d+/.test(word)) {
      const title = (heading[2] as string).slice(word.length).trim()
      if (heading[1] !== "###")
        fault(line.number, `${word} is a heading of level ${heading[1]?.length}; use 3`)
      else if (!ID.test(word)) fault(line.number, `"${word}" is no id; use ${rules.prefix}- and three digits`)
      else if (!word.startsWith(`${rules.prefix}-`))
        fault(line.number, `${word} cannot stand in this document, whose ids begin with ${rules.prefix}-`)
      else if (title === "") fault(line.number, `${word} has no title`)
      else readRequirement(at, word, title)
      continue
    }
    if (!sentences.has(line.number) && keywordsOf(line.text).length > 0)
      fault(
        line.number,
        `${listed(keywordsOf(line.text))} outside of a requirement's sentence; write it in lower case, or as a requirement`
      )
    for (const [id] of line.text.matchAll(MENTION)) mentions.push({ id, file, line: line.number })
  }
  return { requirements, mentions, faults }
}
