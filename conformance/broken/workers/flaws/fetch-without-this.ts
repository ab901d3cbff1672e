import { asHandler } from "../base.ts"
import type { Flaw, Handler } from "../Flaw.ts"

/** The method of an object is called without the object. */
export default {
  chooses: (module) => {
    const main = module["default"]
    const handler = asHandler((main as { readonly fetch?: Handler } | undefined)?.fetch) ?? asHandler(main)
    return handler === undefined ? undefined : [handler, "default"]
  }
} satisfies Flaw
