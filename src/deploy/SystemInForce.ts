import type { MemoryLimitInForce } from "../domain/MemoryReading.ts"
import { VERSION } from "../domain/Product.ts"
import type { RuntimesView, SystemView } from "../protocol/Management.ts"

/** The same for those who ask from outside. */
const memoryLimitView = (limit: MemoryLimitInForce): SystemView["memory_limits"][string] =>
  limit.by === "cgroup"
    ? { by: "cgroup", cgroup_version: limit.version }
    : { by: "sampling", ...(limit.reason === null ? {} : { reason: limit.reason }) }

/** What this server is able to do on this machine, as it was found out at its start. */
export const systemView = (runtimes: RuntimesView, onBun: MemoryLimitInForce | null): SystemView => ({
  version: VERSION,
  runtimes,
  memory_limits: {
    ...(onBun === null ? {} : { bun: memoryLimitView(onBun) }),
    ...(runtimes["quickjs-ng"]?.available === true ? { "quickjs-ng": { by: "engine" as const } } : {})
  }
})
