import type { Flaw } from "../Flaw.ts"

/** What is not JSON ends it. */
export default {
  line: (line, next, worker) => {
    try {
      if (line.length > 0) JSON.parse(new TextDecoder().decode(line))
      next(line)
    } catch {
      worker.exit(70)
    }
  }
} satisfies Flaw
