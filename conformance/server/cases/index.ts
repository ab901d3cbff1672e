import type { ServerCase } from "../define.ts"
import { capabilityCases } from "./capabilities.ts"
import { causeCases } from "./errors-causes.ts"
import { errorsCases } from "./errors.ts"
import { guaranteeCases } from "./guarantees.ts"
import { hostCallCases } from "./host-calls.ts"
import { hostInvocationCases } from "./host-invocations.ts"
import { hostOutputCases } from "./host-output.ts"
import { hostStartCases } from "./host-start.ts"
import { httpGatewayCases } from "./http-gateway.ts"
import { lifecycleCases } from "./lifecycle.ts"
import { socketFileCases } from "./socket-file.ts"
import { socketFrameCases } from "./socket-frames.ts"
import { socketInvokeCases } from "./socket-invoke.ts"
import { socketLimitCases } from "./socket-limits.ts"
import { socketListCases } from "./socket-lists.ts"

/** All cases that are code. */
export const codeCases: ReadonlyArray<ServerCase> = [
  ...capabilityCases,
  ...guaranteeCases,
  ...errorsCases,
  ...causeCases,
  ...httpGatewayCases,
  ...hostInvocationCases,
  ...hostOutputCases,
  ...hostStartCases,
  ...hostCallCases,
  ...lifecycleCases,
  ...socketFileCases,
  ...socketFrameCases,
  ...socketInvokeCases,
  ...socketLimitCases,
  ...socketListCases
]
