import { writeAll } from "../base.ts"
import type { Flaw } from "../Flaw.ts"

/** All that comes is noted. */
export default {
  line: (line, next) => {
    writeAll(2, `read: ${Buffer.from(line.subarray(0, 100)).toString()}\n`)
    next(line)
  }
} satisfies Flaw
