import { Effect, Layer } from "effect"
import { LogPipeline, type InvocationRecord, type LogEntry } from "../../src/logs/LogPipeline.ts"

/** A pipeline that keeps everything in memory, for tests. */
export const collectLogs = () => {
  const entries: Array<LogEntry> = []
  const records: Array<InvocationRecord> = []
  const layer: Layer.Layer<LogPipeline> = Layer.succeed(LogPipeline, {
    log: (entry) => void entries.push(entry),
    record: (record) => void records.push(record),
    flushed: Effect.void
  })
  return { entries, records, layer }
}
