import type { Runtime } from "../domain/FunctionSpec.ts"
import type { MemoryLimitInForce } from "../domain/MemoryReading.ts"
import { VERSION } from "../domain/Product.ts"
import type { RuntimesView, SystemView } from "../protocol/Management.ts"

/** The same for those who ask from outside. */
const memoryLimitView = (limit: MemoryLimitInForce): SystemView["memory_limits"][string] =>
  limit.by === "cgroup"
    ? { by: "cgroup", cgroup_version: limit.version }
    : { by: "sampling", ...(limit.reason === null ? {} : { reason: limit.reason }) }

/** What this server is able to do on this machine, as it was found out at its start, and the spare workers that it has now. */
export const systemView = (
  runtimes: RuntimesView,
  onBun: MemoryLimitInForce | null,
  spares: Readonly<Record<Runtime, number>>
): SystemView => ({
  version: VERSION,
  runtimes,
  memory_limits: {
    ...(onBun === null ? {} : { bun: memoryLimitView(onBun) }),
    ...(runtimes["quickjs-ng"]?.available === true ? { "quickjs-ng": { by: "engine" as const } } : {})
  },
  spare_workers: Object.fromEntries(
    Object.entries(spares).filter(([runtime]) => runtimes[runtime]?.available === true)
  )
})
