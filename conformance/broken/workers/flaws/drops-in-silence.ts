import type { Flaw } from "../Flaw.ts"

const MOST = 1_000
let lines = 0

/** Of an invocation that says much, the rest is dropped, and nobody is told. */
export default {
  says: (message, next) => {
    lines = message.type === "log" ? lines + 1 : 0
    if (lines <= MOST) next(message)
  }
} satisfies Flaw
