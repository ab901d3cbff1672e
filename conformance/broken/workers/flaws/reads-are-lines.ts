import type { Flaw } from "../Flaw.ts"

/** Each read is taken for whole lines. */
export default {
  reads: (chunk, next) => next(chunk.at(-1) === 10 ? chunk : Buffer.concat([chunk, Buffer.from("\n")]))
} satisfies Flaw
