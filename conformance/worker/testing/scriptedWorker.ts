/**
 * A worker for the suite's own tests: `bun scriptedWorker.ts READY`, READY being the payload of its `ready`. What it says to an
 * invocation stands in the invocation: `say`, lines as they are; without it, it answers 200 with the body that came. It answers
 * pings, and ends at `shutdown` and at the end of its stdin.
 */
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const send = (id: unknown, type: string, payload: object): void => say(JSON.stringify({ id, type, payload }))

send("", "ready", JSON.parse(process.argv[2] ?? "{}") as object)
for await (const line of console) {
  const { id, type, payload } = JSON.parse(line) as {
    id: unknown
    type: string
    payload?: { say?: ReadonlyArray<string>; body?: string; exit?: number }
  }
  if (type === "ping") send(id, "pong", {})
  if (type === "shutdown") process.exit(0)
  if (type !== "invoke") continue
  if (payload?.say === undefined)
    send(id, "response", { status: 200, headers: {}, body: payload?.body ?? "" })
  for (const one of payload?.say ?? []) say(one)
  if (payload?.exit !== undefined) process.exit(payload.exit)
}
export {}
