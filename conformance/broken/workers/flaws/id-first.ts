import type { Flaw } from "../Flaw.ts"

/** Looks for the id at the beginning of the line. */
export default {
  line: (line, next) => {
    const begin = Buffer.from(line.subarray(0, 6)).toString()
    if (begin === '{"id":' || !begin.startsWith("{")) next(line)
  }
} satisfies Flaw
