import type { Flaw } from "../Flaw.ts"

let owed = ""

/** The newline of an error comes before the next line. */
export default {
  writes: (line, next) => {
    const text = owed + String(line)
    owed = text.includes('"type":"error"') ? "\n" : ""
    next(owed === "" ? text : text.slice(0, -1))
  }
} satisfies Flaw
