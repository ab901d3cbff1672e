import type { ServerCase } from "../define.ts"
import { boundCases } from "./guarantees-bounds.ts"
import { clientCases } from "./guarantees-clients.ts"
import { crashCases } from "./guarantees-crashes.ts"
import { deadlineCases } from "./guarantees-deadlines.ts"
import { endCases } from "./guarantees-ends.ts"
import { logCases } from "./guarantees-logs.ts"
import { outcomeCases } from "./guarantees-outcomes.ts"
import { quarantineCases } from "./guarantees-quarantine.ts"
import { storedCases } from "./guarantees-stored.ts"

/** The cases of spec/guarantees.md. */
export const guaranteeCases: ReadonlyArray<ServerCase> = [
  ...outcomeCases,
  ...endCases,
  ...deadlineCases,
  ...crashCases,
  ...quarantineCases,
  ...boundCases,
  ...storedCases,
  ...clientCases,
  ...logCases
]
