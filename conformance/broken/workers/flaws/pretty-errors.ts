import type { Flaw } from "../Flaw.ts"

/** Errors are JSON for people, over several lines. */
export default {
  writes: (line, next) => {
    const text = String(line)
    next(text.includes('"type":"error"') ? `${JSON.stringify(JSON.parse(text), null, 2)}\n` : line)
  }
} satisfies Flaw
