import { existsSync, readFileSync } from "node:fs"
import type { Flaw } from "../Flaw.ts"

let waits = false

/** Nothing comes of a bundle that waits for something while it is loaded. */
export default {
  bundle: (path) => {
    waits = existsSync(path) && /^await /m.test(readFileSync(path, "utf8"))
    return path
  },
  says: (message, next) => {
    if (!waits) next(message)
  }
} satisfies Flaw
