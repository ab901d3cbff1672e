import type { Flaw } from "../Flaw.ts"

let count = 0

/** Every third log line is lost. */
export default {
  says: (message, next) => {
    if (message.type === "log") count += 1
    if (message.type !== "log" || count % 3 !== 0) next(message)
  }
} satisfies Flaw
