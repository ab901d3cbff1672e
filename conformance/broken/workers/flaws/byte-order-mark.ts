import type { Flaw } from "../Flaw.ts"

/** Log lines begin with a byte order mark. */
export default {
  writes: (line, next) => next(String(line).includes('"type":"log"') ? `\uFEFF${line}` : line)
} satisfies Flaw
