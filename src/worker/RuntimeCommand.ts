import type { Runtime } from "../domain/FunctionSpec.ts"
import type { Target } from "../domain/Invocation.ts"

/** How a runtime's worker is started for a target. */
export interface RuntimeCommand {
  readonly runtime: Runtime
  /** Program and arguments for a worker that loads the target's bundle at once. */
  readonly command: (target: Target) => ReadonlyArray<string>
  /**
   * `descriptor`: the worker takes the protocol on the descriptor named by `BUNBASE_PROTOCOL_FD`. `stdio`: it knows only
   * stdin and stdout (any worker written from the specification).
   */
  readonly transport: "descriptor" | "stdio"
}
