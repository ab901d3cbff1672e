import { AREAS, type Fault, parseDocument, type Parsed, type Requirement } from "./requirements.ts"

/** The specification's files by path from the project's root; what is missing is left out. */
export type Files = ReadonlyMap<string, string>

export const REQUIREMENTS_FILE = "spec/requirements.json"
export const RETIRED_FILE = "spec/retired.json"

/** A requirement that was promised once and is no more. Its id is never given again. */
export interface Retired {
  readonly id: string
  readonly title: string
  readonly why: string
}

export interface Specification {
  readonly requirements: ReadonlyArray<Requirement>
  readonly faults: ReadonlyArray<Fault>
}

/** The line of a JSON file in which an id stands first. */
const lineOf = (text: string, id: string): number => {
  const at = text.indexOf(`"${id}"`)
  return at === -1 ? 1 : text.slice(0, at).split("\n").length
}

/** A list of objects that have an id, or what is wrong with the file. */
const readList = (
  file: string,
  text: string,
  field: string
): ReadonlyArray<{ readonly id: string }> | Fault => {
  const wrong = (message: string): Fault => ({ file, line: 1, message })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return wrong(`is no JSON: ${(error as Error).message}`)
  }
  const list = (value as Record<string, unknown> | null)?.[field]
  if (!Array.isArray(list)) return wrong(`has no list "${field}"`)
  const bad = list.findIndex((one) => typeof one?.id !== "string")
  return bad === -1 ? list : wrong(`entry ${bad + 1} of "${field}" has no id`)
}

const retiredFaults = (list: ReadonlyArray<{ readonly id: string }>, text: string): ReadonlyArray<Fault> =>
  (list as ReadonlyArray<Partial<Retired> & { readonly id: string }>)
    .filter(({ title, why }) => !title || !why)
    .map(({ id }) => ({
      file: RETIRED_FILE,
      line: lineOf(text, id),
      message: `${id} needs "title" and "why"`
    }))

/**
 * Reads all documents that are there and holds them together: every id once, none given again, none gone without being
 * retired, and every one that is mentioned there.
 */
export const readSpecification = (files: Files): Specification => {
  const parsed: Array<Parsed> = []
  for (const area of AREAS.keys()) {
    const file = `spec/${area}.md`
    const text = files.get(file)
    if (text !== undefined) parsed.push(parseDocument(area, file, text))
  }
  const faults: Array<Fault> = parsed.flatMap((one) => one.faults)
  const all = parsed.flatMap((one) => one.requirements)

  const retiredText = files.get(RETIRED_FILE) ?? '{"retired":[]}'
  const retired = readList(RETIRED_FILE, retiredText, "retired")
  const gone = new Set<string>()
  if ("message" in retired) faults.push(retired)
  else {
    for (const { id } of retired) gone.add(id)
    faults.push(...retiredFaults(retired, retiredText))
  }

  const byId = new Map<string, Requirement>()
  for (const requirement of all) {
    const { id, file, line } = requirement
    const first = byId.get(id)
    if (first !== undefined)
      faults.push({ file, line, message: `${id} is used already in ${first.file}:${first.line}` })
    else byId.set(id, requirement)
    if (gone.has(id))
      faults.push({ file, line, message: `${id} is retired (${RETIRED_FILE}); an id is never used again` })
  }

  // what is malformed has been told; it is not gone as well
  const malformed = new Set(faults.flatMap(({ message }) => /^[A-Z]{2}-\d{3}\b/.exec(message)?.[0] ?? []))
  for (const { id, file, line } of parsed.flatMap((one) => one.mentions)) {
    if (!byId.has(id) && !malformed.has(id) && !gone.has(id))
      faults.push({ file, line, message: `${id} is mentioned, and is no requirement` })
  }

  const before = files.get(REQUIREMENTS_FILE)
  if (before !== undefined) {
    const list = readList(REQUIREMENTS_FILE, before, "requirements")
    if ("message" in list) faults.push(list)
    else {
      for (const { id } of list) {
        if (byId.has(id) || gone.has(id) || malformed.has(id)) continue
        const message = `${id} has vanished from the documents; put it back, or into ${RETIRED_FILE}`
        faults.push({ file: REQUIREMENTS_FILE, line: lineOf(before, id), message })
      }
    }
  }
  return { requirements: all, faults }
}

/** The text of `spec/requirements.json`: in the documents' order. */
export const requirementsJson = (requirements: ReadonlyArray<Requirement>): string =>
  `${JSON.stringify({ requirements }, null, 2)}\n`

/** How many of each document, for whoever has just written it. */
export const countRequirements = (requirements: ReadonlyArray<Requirement>): string =>
  [...AREAS.keys()]
    .map((area) => {
      const own = requirements.filter((one) => one.area === area)
      const musts = own.filter(({ level }) => level === "MUST").length
      return `${area.padEnd(18)}${String(own.length).padStart(4)}  (${musts} MUST)`
    })
    .concat(`${"all".padEnd(18)}${String(requirements.length).padStart(4)}`)
    .join("\n")
