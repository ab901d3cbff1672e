import type { Flaw } from "../Flaw.ts"

/** A result for no call under way ends it. */
export default {
  hears: (message, next, worker) => {
    const callId = (message.payload as { readonly call_id?: unknown } | undefined)?.call_id
    if (message.type === "result" && !worker.calls.has(String(callId))) worker.exit(1)
    else next(message)
  }
} satisfies Flaw
