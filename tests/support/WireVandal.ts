/**
 * The beginning of a bundle that writes on the wire between its worker and the server, past the worker's own program; on Bun.
 * `wire(bytes)`: exactly these bytes. `idOf(req)`: what the wire calls the invocation.
 */
export const wireVandal = `
import { writeSync } from "node:fs"
const wire = (data) => {
  const bytes = typeof data === "string" ? Buffer.from(data) : data
  for (let at = 0; at < bytes.length; ) {
    // The descriptor does not wait by itself.
    try { at += writeSync(3, bytes, at) } catch (error) { if (error.code !== "EAGAIN") throw error; Bun.sleepSync(1) }
  }
}
const idOf = (req) => req.headers.get("x-invocation-id")
const answerTo = (id, text) => JSON.stringify({ id, type: "response", payload:
  { status: 200, headers: {}, body: Buffer.from(text).toString("base64") } }) + "\\n"
const self = crypto.randomUUID()
`
