import type { Flaw } from "../Flaw.ts"

/** What the generic worker was started with is added to the function's variables. */
export default {
  environment: (env, original) => {
    for (const [name, value] of Object.entries(original))
      if (!name.startsWith("BUNBASE_")) env[name] ??= String(value)
  }
} satisfies Flaw
