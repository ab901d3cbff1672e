import type { ServerCase } from "../define.ts"

/** All property cases; null: each has as many runs as it has by itself. */
export const propertyCases = (_runs: number | null): ReadonlyArray<ServerCase> => []
