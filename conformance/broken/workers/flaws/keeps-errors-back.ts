import type { Flaw } from "../Flaw.ts"

let kept = ""

/** Errors wait in a buffer until there is a response to send. */
export default {
  writes: (line, next) => {
    if (String(line).includes('"type":"error"')) kept += String(line)
    else {
      next(kept + String(line))
      kept = ""
    }
  }
} satisfies Flaw
