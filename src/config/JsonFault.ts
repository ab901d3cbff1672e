/** Where a text stops being JSON, and why. Line and column are 1-based. */
export interface JsonFault {
  readonly line: number
  readonly column: number
  readonly reason: string
}

class Fault {
  readonly at: number
  readonly reason: string
  constructor(at: number, reason: string) {
    this.at = at
    this.reason = reason
  }
}

const deepest = 100
const literals = ["true", "false", "null"] as const
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

/**
 * The first fault of a text that `JSON.parse` refused: the engine's own error names no place. Returns null where the
 * text is JSON after all.
 */
export const findJsonFault = (text: string): JsonFault | null => {
  let at = 0

  const space = () => {
    while (at < text.length && " \t\r\n".includes(text.charAt(at))) at++
  }
  const found = () => (at >= text.length ? "the text ends here" : `found ${JSON.stringify(text.charAt(at))}`)
  const expect = (wanted: string) => {
    if (text.charAt(at) !== wanted) throw new Fault(at, `expected '${wanted}', ${found()}`)
    at++
  }

  const string = (what: string) => {
    if (text.charAt(at) !== '"') {
      const hint = text.charAt(at) === "'" ? " (use double quotes)" : ""
      throw new Fault(at, `expected ${what}, ${found()}${hint}`)
    }
    const start = at++
    for (;;) {
      const character = text.charAt(at)
      if (at >= text.length || character === "\n") throw new Fault(start, 'a text without its closing "')
      if (character === '"') {
        at++
        return
      }
      if (character === "\\") {
        escape.lastIndex = at
        if (!escape.test(text)) throw new Fault(at, "no such escape in JSON")
        at = escape.lastIndex
      } else if (character < " ") {
        throw new Fault(at, "a control character inside a text; write it as an escape")
      } else {
        at++
      }
    }
  }

  const members = (close: "}" | "]", one: () => void) => {
    at++
    space()
    if (text.charAt(at) === close) {
      at++
      return
    }
    for (;;) {
      one()
      space()
      if (text.charAt(at) === close) {
        at++
        return
      }
      if (text.charAt(at) !== ",") throw new Fault(at, `expected ',' or '${close}', ${found()}`)
      const comma = at++
      space()
      if (text.charAt(at) === close) throw new Fault(comma, `a comma before '${close}' is one too many`)
    }
  }

  const value = (depth: number) => {
    if (depth > deepest) throw new Fault(at, "nested too deeply")
    space()
    const character = text.charAt(at)
    if (character === "{") {
      members("}", () => {
        string("a key in double quotes")
        space()
        expect(":")
        value(depth + 1)
      })
    } else if (character === "[") {
      members("]", () => value(depth + 1))
    } else if (character === '"') {
      string("a text")
    } else if (text.startsWith("//", at) || text.startsWith("/*", at)) {
      throw new Fault(at, "JSON has no comments")
    } else {
      const literal = literals.find((word) => text.startsWith(word, at))
      number.lastIndex = at
      if (literal !== undefined) at += literal.length
      else if (number.test(text)) at = number.lastIndex
      else throw new Fault(at, `expected a value, ${found()}`)
    }
  }

  try {
    value(0)
    space()
    if (at < text.length) throw new Fault(at, `expected the end of the text, ${found()}`)
    return null
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault
    const before = text.slice(0, fault.at).split("\n")
    return { line: before.length, column: (before.at(-1) ?? "").length + 1, reason: fault.reason }
  }
}
