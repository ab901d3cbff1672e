import { clientFaults } from "./clients.ts"
import type { Fault } from "./Fault.ts"
import { serverFaults } from "./servers.ts"
import { workerFaults } from "./workers.ts"

/** All faults, in the order in which they are listed and played. */
export const catalogue: ReadonlyArray<Fault> = [...workerFaults, ...clientFaults, ...serverFaults]
