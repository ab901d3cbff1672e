import { asHandler } from "../base.ts"
import type { Flaw } from "../Flaw.ts"

/** Any function that the bundle exports will do. */
export default {
  chooses: (module) => {
    const names = ["default", ...Object.keys(module)]
    for (const name of names) {
      const handler = asHandler(module[name])
      if (handler !== undefined) return [handler, name]
    }
    return undefined
  }
} satisfies Flaw
