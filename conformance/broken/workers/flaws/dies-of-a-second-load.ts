import type { Flaw } from "../Flaw.ts"

/** A second bundle is refused, and ends it. */
export default {
  says: (message, next, worker) => {
    next(message)
    if (
      message.type === "error" &&
      worker.state === "loaded" &&
      message.payload["code"] === "BUNDLE_LOAD_ERROR"
    )
      worker.exit(1)
  }
} satisfies Flaw
