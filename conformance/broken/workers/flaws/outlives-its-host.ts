import type { Flaw } from "../Flaw.ts"

/** The end of stdin means nothing to it. */
export default { hangsUp: () => void setInterval(() => {}, 1_000) } satisfies Flaw
