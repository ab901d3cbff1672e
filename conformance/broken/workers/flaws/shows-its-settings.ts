import type { Flaw } from "../Flaw.ts"

/** The function sees all variables that the process was started with. */
export default { environment: (env, original) => void Object.assign(env, original) } satisfies Flaw
