import type { Flaw } from "../Flaw.ts"

/** An invocation that comes while the bundle is being loaded is answered at once: not yet. */
export default {
  hears: (message, next, worker) => {
    const { id, type } = message
    if (type !== "invoke" || worker.state !== "loading") next(message)
    else worker.say({ id, type: "response", payload: { status: 503, headers: {}, body: "" } })
  }
} satisfies Flaw
