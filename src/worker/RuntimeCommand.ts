import type { Runtime } from "../domain/FunctionSpec.ts"
import type { Target } from "../domain/Invocation.ts"
import type { LoadPayload } from "../protocol/worker/Wire.ts"

/** How a runtime's worker is started for a target. */
export interface RuntimeCommand {
  readonly runtime: Runtime
  /** The exit code by which the program says that it has run out of memory (FN_003). */
  readonly memoryExitCode?: number
  /** Program and arguments for a worker of this target. */
  readonly command: (target: Target) => ReadonlyArray<string>
  /** For a program that loads nothing by itself: the bundle that it is told to load once it runs. */
  readonly load?: (target: Target) => LoadPayload
  /** How a process is started before anybody wants it, to be told what to load by whoever takes it; without it there is none. */
  readonly spare?: {
    readonly command: ReadonlyArray<string>
    /** Whether such a process can become a worker of the target that does not differ from one started for it. */
    readonly fits: (target: Target) => boolean
  }
  /** The environment of the process, where it is not the usual one; `folder` is its working directory. */
  readonly environment?: (target: Target, folder: string) => Record<string, string>
  /**
   * `descriptor`: the worker takes the protocol on the descriptor named by `BUNBASE_PROTOCOL_FD`. `stdio`: it knows only
   * stdin and stdout (any worker written from the specification).
   */
  readonly transport: "descriptor" | "stdio"
}
