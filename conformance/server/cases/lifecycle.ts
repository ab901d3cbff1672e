import type { ServerCase } from "../define.ts"
import { deletionCases } from "./lifecycle-deletions.ts"
import { deploymentCases } from "./lifecycle-deployments.ts"
import { functionCases } from "./lifecycle-functions.ts"
import { recyclingCases } from "./lifecycle-recycling.ts"
import { startCases } from "./lifecycle-start.ts"
import { stateCases } from "./lifecycle-states.ts"
import { versionCases } from "./lifecycle-versions.ts"
import { workerCases } from "./lifecycle-workers.ts"

/** The cases of spec/lifecycle.md that are code; more are in `management.yaml`. */
export const lifecycleCases: ReadonlyArray<ServerCase> = [
  ...functionCases,
  ...versionCases,
  ...deploymentCases,
  ...deletionCases,
  ...startCases,
  ...workerCases,
  ...recyclingCases,
  ...stateCases
]
