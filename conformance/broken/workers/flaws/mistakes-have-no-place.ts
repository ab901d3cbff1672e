import type { Flaw } from "../Flaw.ts"

/** Where a mistake is remains its secret. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    if (type !== "error") return next(message)
    const { column: _, line: __, ...rest } = payload
    next({ ...message, payload: rest })
  }
} satisfies Flaw
