import type { Flaw, Message } from "../Flaw.ts"

/** Level and text of a log line stand beside its type. */
export default {
  says: ({ id, payload, type }, next) =>
    next(type === "log" ? ({ id, type, ...payload } as unknown as Message) : { id, type, payload })
} satisfies Flaw
