import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { encodeFrame } from "../../../server/client/Frames.ts"
import { type Flaw, isObject, type Payload, payloadOf, requests, valueOf } from "../Flaw.ts"

const INVOKE = 0x01

/** A flaw of registrations over HTTP: they ask for something else. */
const registrations = (change: (settings: Payload) => Payload): Flaw => ({
  httpBody: (body, { line }) => {
    if (!line.startsWith("POST /api/functions ")) return body
    const settings: unknown = JSON.parse(body.toString())
    return isObject(settings) ? Buffer.from(JSON.stringify(change(settings))) : body
  }
})

const LATE_MS = 4_000

/** Changes what stands in the log when the server ends. */
const logged = (change: (lines: ReadonlyArray<string>) => ReadonlyArray<string>): Flaw => ({
  own: true,
  ended: ({ data }) => {
    const folder = join(data, "logs")
    for (const name of readdirSync(folder).filter((one) => one.endsWith(".jsonl"))) {
      const path = join(folder, name)
      writeFileSync(path, change(readFileSync(path, "utf8").split("\n")).join("\n"))
    }
  }
})

const isRecord = (line: string): boolean => line.includes('"type":"invocation"')

/** What servers do that keep to their protocols, and not to their promises. */
export const guarantees: Readonly<Record<string, Flaw>> = {
  // GR-002
  "records-come-twice": logged((lines) => lines.flatMap((line) => (isRecord(line) ? [line, line] : [line]))),
  // GR-003
  "records-say-all-is-well": logged((lines) =>
    lines.map((line) => line.replace('"outcome":"error"', '"outcome":"ok"'))
  ),
  // GR-064
  "lines-run-together": logged((lines) => [lines.slice(0, 2).join(""), ...lines.slice(2)]),
  // GR-012
  "deadlines-come-early": {
    ...registrations((settings) => {
      const seconds = settings["timeout_seconds"]
      return typeof seconds === "number" ? { ...settings, timeout_seconds: seconds * 0.7 } : settings
    }),
    ...requests([INVOKE], (payload) => {
      const deadline = payload["deadline_ms"]
      return typeof deadline === "number" ? { ...payload, deadline_ms: deadline * 0.7 } : payload
    })
  },
  // GR-013, GR-014, GR-015, GR-019
  "deadlines-come-late": {
    httpDelay: ({ headers }) => (valueOf(headers, "x-function-error") === "FN_002" ? LATE_MS : 0),
    answer: (answer, _, link) => {
      if (payloadOf(answer)?.["code"] !== "FN_002") return [answer]
      setTimeout(() => link.toClient(encodeFrame(answer)), LATE_MS)
      return []
    }
  },
  // GR-028
  "ignores-max-workers": registrations((settings) => ({ ...settings, max_workers: 6 })),
  // GR-032
  "ignores-max-executions": registrations((settings) => ({ ...settings, max_concurrent_executions: 100 })),
  // GR-031
  "starts-one-for-each": registrations((settings) => ({ ...settings, concurrency: 1 })),
  // GR-042, GR-046, GR-048
  "ends-with-1": { own: true, ended: () => process.exit(1) }
}
