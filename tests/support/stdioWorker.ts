import { createInterface } from "node:readline"

/**
 * A worker of version 1.0, written from that version's text and nothing else: it reads lines from stdin, writes lines to
 * stdout, and knows `ready`, `invoke`, `response`, `log` and `error`. It does what an invocation's path says.
 */

interface Invoke {
  readonly id: string
  readonly type: string
  readonly payload: {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, unknown>>
    readonly query: Readonly<Record<string, string>>
    readonly body: string
    readonly deadline_ms: number
  }
}

const say = (id: string, type: string, payload: object): void => {
  process.stdout.write(`${JSON.stringify({ id, type, payload })}\n`)
}
const respond = (id: string, answer: object): void =>
  say(id, "response", {
    status: 200,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(answer)).toString("base64")
  })

let served = 0

const invoke = ({ id, payload }: Invoke): void => {
  served += 1
  const { body, headers, method, path, query } = payload
  switch (path) {
    case "/console":
      say(id, "log", { level: "info", message: "from the handler" })
      process.stderr.write("on stderr\n")
      // A handler that prints has nowhere else to print to: its words stand between the messages.
      process.stdout.write("on stdout, and no message\n")
      return respond(id, {})
    case "/throw":
      return say(id, "error", {
        message: "thrown",
        stack: "Error: thrown\n    at handler",
        code: "HANDLER_ERROR"
      })
    case "/crash":
      return process.exit(7)
    case "/never":
      return
    case "/forge":
      return say("somebody-else", "response", { status: 200, headers: {}, body: "" })
    default:
      respond(id, {
        method,
        path,
        query,
        hello: headers["x-hello"],
        body: Buffer.from(body, "base64").toString(),
        pid: process.pid,
        served,
        arguments: process.argv.slice(2)
      })
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const message = JSON.parse(line) as Invoke
  // Everything else is of a later version.
  if (message.type === "invoke") invoke(message)
})
say("", "ready", {})
