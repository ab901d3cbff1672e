import type { ServerCase } from "../define.ts"
import { boundCases } from "./capabilities-bounds.ts"
import { codeFromTextCases } from "./capabilities-code.ts"
import { networkCases } from "./capabilities-network.ts"

/** The cases of spec/capabilities.md that are code; more are in `profiles.yaml` and `capabilities.yaml`. */
export const capabilityCases: ReadonlyArray<ServerCase> = [
  ...networkCases,
  ...boundCases,
  ...codeFromTextCases
]
