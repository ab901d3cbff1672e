import type { Flaw } from "../Flaw.ts"

/** A load that names no bundle is passed over. */
export default {
  hears: (message, next) => {
    const path = (message.payload as { readonly bundle_path?: unknown } | undefined)?.bundle_path
    if (message.type !== "load" || typeof path === "string") next(message)
  }
} satisfies Flaw
