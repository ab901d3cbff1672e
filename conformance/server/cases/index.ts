import type { ServerCase } from "../define.ts"
import { httpGatewayCases } from "./http-gateway.ts"

/** All cases that are code. */
export const codeCases: ReadonlyArray<ServerCase> = [...httpGatewayCases]
