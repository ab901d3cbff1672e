import type { Flaw } from "../Flaw.ts"

/** A bundle that cannot be loaded does not end it. */
export default {
  exits: (code, next) => {
    if (code !== 1) next(code)
  }
} satisfies Flaw
