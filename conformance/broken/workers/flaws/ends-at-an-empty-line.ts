import type { Flaw } from "../Flaw.ts"

/** An empty line is the end. */
export default {
  line: (line, next, worker) => (line.length === 0 ? worker.exit(0) : next(line))
} satisfies Flaw
