import { writeAll } from "../base.ts"
import type { Flaw } from "../Flaw.ts"

/** What goes wrong is said on stderr. */
export default {
  says: (message, next) => {
    if (message.type === "error") writeAll(2, `${JSON.stringify(message)}\n`)
    else next(message)
  }
} satisfies Flaw
