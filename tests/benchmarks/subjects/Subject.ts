import type { FunctionSettings, Runtime } from "../../../src/domain/FunctionSpec.ts"
import type { LoadTarget } from "../load/LoadPlan.ts"

export interface SubjectSettings extends FunctionSettings {
  readonly runtime?: Runtime
}

/** The server under test, as far as a benchmark is concerned with it. */
export interface Subject extends AsyncDisposable {
  /** Registers the function, deploys the bundle and says where to call it. */
  readonly deploy: (name: string, bundle: string, settings: SubjectSettings) => Promise<LoadTarget>
  /** Resolves once so many workers of the function are ready. */
  readonly workersReady: (name: string, count: number) => Promise<void>
  /** The proportional share of memory (PSS) of each worker that lives, in bytes, whatever it serves. */
  readonly workerMemory: () => ReadonlyArray<number>
  /** Resolves once no worker of the function is left, in whatever state. */
  readonly workersEnded: (name: string) => Promise<void>
}
