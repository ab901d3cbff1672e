import { describe, expect, it } from "vitest"
import { systemView } from "./SystemInForce.ts"

const spares = { bun: 2, "quickjs-ng": 0 }
const both = { bun: { available: true }, "quickjs-ng": { available: true } }

describe("what a server can do, for those who ask", () => {
  it.each([
    [{ by: "cgroup", version: 1 } as const, { by: "cgroup", cgroup_version: 1 }],
    [{ by: "cgroup", version: 2 } as const, { by: "cgroup", cgroup_version: 2 }],
    [{ by: "sampling", reason: null } as const, { by: "sampling" }],
    [{ by: "sampling", reason: "EROFS" } as const, { by: "sampling", reason: "EROFS" }]
  ])("tells what holds Bun workers to their memory: %j", (inForce, shown) => {
    expect(systemView(both, inForce, spares).memory_limits).toStrictEqual({
      bun: shown,
      "quickjs-ng": { by: "engine" }
    })
  })

  it("tells of no limit where there is no worker", () => {
    const runtimes = { bun: { available: true }, "quickjs-ng": { available: false, reason: "not built" } }
    expect(systemView(runtimes, null, spares)).toMatchObject({ runtimes, memory_limits: {} })
  })

  it("tells how many spare workers there are, of the runtimes that there are", () => {
    expect(systemView(both, null, spares).spare_workers).toStrictEqual({ bun: 2, "quickjs-ng": 0 })
    const alone = { bun: { available: true }, "quickjs-ng": { available: false, reason: "not built" } }
    expect(systemView(alone, null, spares).spare_workers).toStrictEqual({ bun: 2 })
  })
})
