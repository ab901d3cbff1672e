import { Context } from "effect"

/** A step of an operation that changes what is stored: `operation:what has just been done`. */
export type FaultPointName = `${string}:${string}`

/**
 * Told of each step, in the order in which they are done. Synchronous: whoever ends the process there ends it exactly
 * there.
 */
export type Reached = (point: FaultPointName) => void

/**
 * Where a test kills the server, to see what a crash at that very step leaves (R-9). What is in force unless somebody
 * provides another one does nothing, and nothing in `src` provides another one: no option, variable or file of a user's
 * can turn these on. The one that kills is the tests' own, with an entry of theirs to the server
 * (`tests/support/mortalServer.ts`). Steps are those of the control plane; no invocation comes by one.
 */
export class FaultPoint extends Context.Reference<FaultPoint>()("FaultPoint", {
  defaultValue: (): Reached => () => {}
}) {}
