import type { Flaw } from "../Flaw.ts"

/** Each read is turned into text by itself, also where it ends within a character. */
export default { reads: (chunk, next) => next(Buffer.from(new TextDecoder().decode(chunk))) } satisfies Flaw
