import type { Flaw } from "../Flaw.ts"

const known = /^(method|path|headers|query|body|deadline_ms|url|trace)$/

/** An invocation with a field that it does not know is refused. */
export default {
  hears: (message, next, worker) => {
    const { id, payload, type } = message
    const isKnown = type !== "invoke" || Object.keys(payload ?? {}).every((name) => known.test(name))
    if (isKnown) next(message)
    else worker.fail(id, "HANDLER_ERROR", "an unknown field")
  }
} satisfies Flaw
