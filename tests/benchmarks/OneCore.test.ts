import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { onOneCore } from "./OneCore.ts"

const coresOf = (status: string): string | undefined => /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1]
const own = (): string | undefined => coresOf(readFileSync("/proc/self/status", "utf8"))
const ofChild = async (): Promise<string | undefined> =>
  coresOf(await new Response(Bun.spawn({ cmd: ["cat", "/proc/self/status"] }).stdout).text())

describe("onOneCore", () => {
  it("holds for what is started inside, and ends with it", async () => {
    const before = own()
    await onOneCore(async (pinned) => {
      expect(pinned).toBe(true)
      expect(await ofChild()).toMatch(/^\d+$/)
    })
    expect(own()).toBe(before)
    expect(await ofChild()).toBe(before)
  })

  it("ends with a failure too", async () => {
    const before = own()
    await expect(onOneCore(() => Promise.reject(new Error("no")))).rejects.toThrow("no")
    expect(own()).toBe(before)
  })
})
