import type { ColdStart } from "../domain/ColdStart.ts"
import type { Ending } from "../domain/EndCause.ts"
import type { InvocationRecord, LogEntry } from "./LogPipeline.ts"

/**
 * One line of `logs/YYYY-MM-DD.jsonl`. `type` is `log` or `invocation`; field names are those of the API. Fields that say
 * nothing are left out.
 */
export const logLine = (entry: LogEntry): string => {
  const { metadata, stack } = entry
  return `${JSON.stringify({
    time: timeOf(entry.at),
    type: "log",
    level: entry.level,
    function_id: entry.functionId,
    function: entry.functionName,
    version: entry.version,
    invocation_id: entry.invocationId,
    worker_id: entry.workerId,
    message: entry.message,
    stack,
    metadata: stack === undefined ? metadata : withoutStack(metadata)
  })}\n`
}

// Where the stack came with the metadata, it stands by itself now, and mapped.
const withoutStack = (metadata: LogEntry["metadata"]): LogEntry["metadata"] => {
  if (metadata === undefined || !("stack" in metadata)) return metadata
  const { stack: _stack, ...rest } = metadata
  return Object.keys(rest).length === 0 ? undefined : rest
}

/**
 * Put together by hand: there is one for every invocation, and a generic serialiser takes several times as long. Names,
 * versions and ids of ours are checked tokens that need no escaping; an invocation's id may be the caller's.
 */
export const recordLine = (record: InvocationRecord): string =>
  `{"time":"${timeOf(record.at)}","type":"invocation","invocation_id":${JSON.stringify(record.invocationId)}` +
  `,"function_id":"${record.functionId}","function":"${record.functionName}","version":"${record.version}"` +
  (record.workerId === null ? "" : `,"worker_id":"${record.workerId}"`) +
  `,"outcome":"${record.outcome}"` +
  (record.status === null ? "" : `,"status":${record.status}`) +
  (record.code === null ? "" : `,"code":"${record.code}"`) +
  (record.detail === null ? "" : `,"detail":${JSON.stringify(record.detail)}`) +
  endingFields(record.ending) +
  `,"cold_start":${record.coldStart !== null}${startFields(record.coldStart)},"queue_ms":${milliseconds(record.queueMs)}` +
  `,"execution_ms":${milliseconds(record.executionMs)}` +
  (record.logLinesCut === 0 ? "" : `,"log_lines_cut":${record.logLinesCut}`) +
  "}\n"

const endingFields = (ending: Ending | null): string => {
  if (ending === null) return ""
  const { cause, ...details } = ending
  const known = JSON.stringify(details).slice(1, -1)
  return `,"ended_by":"${cause}"${known === "" ? "" : `,${known}`}`
}

const startFields = (start: ColdStart | null): string =>
  start === null
    ? ""
    : `,"start_cause":"${start.cause}","start_wait_ms":${milliseconds(start.waitMs)}` +
      `,"start_spare":${start.spare},"start_spawn_ms":${milliseconds(start.spawnMs)},"start_load_ms":${milliseconds(start.loadMs)}`

/** To a microsecond. */
const milliseconds = (value: number): number => Math.round(value * 1000) / 1000

const dayMs = 24 * 60 * 60 * 1000

// Neighbours in a log mostly share their second and their day, and formatting a date costs more than the rest of a line.
let second = Number.NaN
let secondText = ""
let day = Number.NaN
let dayText = ""

/** An instant in ISO 8601, UTC. */
export const timeOf = (at: number): string => {
  const whole = Math.floor(at / 1000)
  if (whole !== second) {
    secondText = new Date(whole * 1000).toISOString().slice(0, -4)
    second = whole
  }
  return `${secondText}${String(Math.floor(at - whole * 1000)).padStart(3, "0")}Z`
}

/** The day in UTC that an instant lies in: `YYYY-MM-DD`. */
export const dayOf = (at: number): string => {
  const whole = Math.floor(at / dayMs)
  if (whole !== day) {
    dayText = new Date(whole * dayMs).toISOString().slice(0, 10)
    day = whole
  }
  return dayText
}
