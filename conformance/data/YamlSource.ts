import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument
} from "yaml"
import type { Place } from "./Mistakes.ts"

/** A YAML text, and where everything in it stands. */
export interface YamlSource {
  readonly value: unknown
  /** Where the value at this path stands; of a key that is not known, the key; of what is missing, what it is missing in. */
  readonly placeOf: (path: ReadonlyArray<PropertyKey>, at?: "key" | "value") => Place
}

export interface YamlFault {
  readonly place: Place
  readonly message: string
}

/** Parses one document; its faults where it is none: syntax, a key twice, several documents. */
export const readYaml = (file: string, text: string): YamlSource | ReadonlyArray<YamlFault> => {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(1, line), column: Math.max(1, col) }
  }
  const problems = [...document.errors, ...document.warnings]
  if (problems.length > 0) {
    return problems.map(({ message, pos }) => ({ place: placeAt(pos[0]), message }))
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return [{ place: placeAt(0), message: error instanceof Error ? error.message : String(error) }]
  }
  return { value, placeOf: (path, at = "value") => placeAt(offsetOf(document, path, at)) }
}

const offsetOf = (document: Document, path: ReadonlyArray<PropertyKey>, at: "key" | "value"): number => {
  let node: Node | null = document.contents
  let offset = node?.range?.[0] ?? 0
  for (const [index, step] of path.entries()) {
    const resolved: Node | null = isAlias(node) ? (node.resolve(document) ?? null) : node
    if (isSeq(resolved)) {
      const item: unknown = resolved.items[Number(step)]
      if (!isNode(item)) return offset
      node = item
    } else if (isMap(resolved)) {
      const pair = resolved.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (pair === undefined) return offset
      const key = isNode(pair.key) ? pair.key : null
      if ((at === "key" && index === path.length - 1) || !isNode(pair.value)) {
        return key?.range?.[0] ?? offset
      }
      node = pair.value
    } else return offset
    offset = node.range?.[0] ?? offset
  }
  return offset
}
