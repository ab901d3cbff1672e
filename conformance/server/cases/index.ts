import type { ServerCase } from "../define.ts"
import { errorsCases } from "./errors.ts"
import { httpGatewayCases } from "./http-gateway.ts"

/** All cases that are code. */
export const codeCases: ReadonlyArray<ServerCase> = [...errorsCases, ...httpGatewayCases]
