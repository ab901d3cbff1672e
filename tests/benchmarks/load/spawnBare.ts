import { fileURLToPath } from "node:url"
import { bunProgram } from "../BunProgram.ts"
import type { ReportMessage, SpawnPlan } from "./LoadPlan.ts"
import { LoadRecord } from "./LoadRecord.ts"

const program = fileURLToPath(new URL("./bareProcess.ts", import.meta.url))

/** Times bare Bun programs from their spawn to their first byte. */
export const spawnBare = async (plan: SpawnPlan): Promise<ReportMessage> => {
  const record = new LoadRecord()
  record.start(Bun.nanoseconds())
  for (let i = 0; i < plan.times; i += 1) {
    const spawnedAt = Bun.nanoseconds()
    const child = Bun.spawn({ cmd: bunProgram(program), stdio: ["ignore", "pipe", "inherit"] })
    const first = await child.stdout.getReader().read()
    const nanoseconds = Bun.nanoseconds() - spawnedAt
    if (first.done) record.failure(`a bare program ended with ${await child.exited} and without a byte`)
    else record.latency(nanoseconds)
    await child.exited
  }
  record.end(Bun.nanoseconds())
  return record.report()
}
