import { asHandler } from "../base.ts"
import type { Flaw } from "../Flaw.ts"

/** The named handler comes before the default one. */
export default {
  chooses: (module, name) => {
    for (const one of [name, "default"]) {
      const handler = asHandler(module[one])
      if (handler !== undefined) return [handler, one]
    }
    return undefined
  }
} satisfies Flaw
