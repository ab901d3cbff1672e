import type { Flaw } from "../Flaw.ts"

/** A relative path begins at the root. */
export default { settings: { folder: "/" } } satisfies Flaw
