import type { ServerCase } from "../define.ts"
import { hostProperties } from "./host.ts"
import { httpProperties } from "./http.ts"
import { wireProperties } from "./wires.ts"

/** All property cases; null: each has as many runs as it has by itself. */
export const propertyCases = (runs: number | null): ReadonlyArray<ServerCase> => [
  ...httpProperties(runs),
  ...wireProperties(runs),
  ...hostProperties(runs)
]
