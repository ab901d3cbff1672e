import type { FunctionSettings } from "../../../src/domain/FunctionSpec.ts"
import type { LoadTarget } from "../load/LoadPlan.ts"

/** The server under test, as far as a benchmark is concerned with it. */
export interface Subject extends AsyncDisposable {
  /** Registers the function, deploys the bundle and says where to call it. */
  readonly deploy: (name: string, bundle: string, settings: FunctionSettings) => Promise<LoadTarget>
  /** Resolves once no worker of the function is left, in whatever state. */
  readonly workersEnded: (name: string) => Promise<void>
}
