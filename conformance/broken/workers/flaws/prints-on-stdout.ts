import type { Flaw } from "../Flaw.ts"

/** What the function prints stands between the messages. */
export default { settings: { keepsPrints: false } } satisfies Flaw
