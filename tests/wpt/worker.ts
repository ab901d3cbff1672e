import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { GUEST_FLAGS } from "../../src/guest/bun/flags.ts"
import { decodeWorkerMessage } from "../../src/protocol/worker/decodeWorkerMessage.ts"
import { LineDecoder } from "../../src/protocol/worker/LineDecoder.ts"

export type Runtime = "quickjs-ng" | "bun"

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
/** The native worker, as the set-up builds it; another build of it, where QUICKJS_WORKER names one. */
const quickjs = process.env["QUICKJS_WORKER"] ?? at("native/quickjs-ng/build/release/bunbase-quickjs")

export const isBuilt = (runtime: Runtime): boolean => runtime === "bun" || existsSync(quickjs)

const commandOf = (runtime: Runtime): Array<string> =>
  runtime === "bun" ? [process.execPath, ...GUEST_FLAGS, at("src/guest/bun/main.ts")] : [quickjs]

export interface OneCall {
  readonly runtime: Runtime
  /** The function's bundle. */
  readonly bundle: string
  /** The request's body. */
  readonly body?: string
  /** The invocation's deadline, ms; a worker that does not heed it is killed soon after. */
  readonly timeoutMs: number
  readonly env?: Readonly<Record<string, string>>
}

/** How long after the deadline a worker is killed, ms. */
const GRACE_MS = 3_000

const lines = async function* (stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const whole: Array<Uint8Array> = []
  const decoder = new LineDecoder(64 * 1024 * 1024, {
    line: (bytes) => whole.push(bytes.slice()),
    oversize: () => {
      throw new Error("the worker said an oversize line")
    }
  })
  for await (const chunk of stream) {
    decoder.push(chunk)
    yield* whole.splice(0)
  }
}

/**
 * Starts a worker by itself, calls its function once through the worker protocol, and ends it. The answer's body as text;
 * throws what else came instead.
 */
export const callOnce = async ({
  runtime,
  bundle,
  body = "",
  timeoutMs,
  env = {}
}: OneCall): Promise<string> => {
  const child = Bun.spawn([...commandOf(runtime), "--bundle", bundle], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", ...env }
  })
  const stderr = new Response(child.stderr).text()
  let late = false
  const limit = setTimeout(() => {
    late = true
    child.kill("SIGKILL")
  }, timeoutMs + GRACE_MS)
  try {
    for await (const line of lines(child.stdout)) {
      const decoded = decodeWorkerMessage(line)
      if (decoded._tag !== "message")
        throw new Error(`${decoded._tag}: ${Buffer.from(line).toString().slice(0, 300)}`)
      const { message } = decoded
      if (message.type === "ready") {
        const payload = {
          method: "POST",
          path: "/",
          url: "/",
          headers: { "content-type": "text/plain" },
          query: {},
          body: Buffer.from(body).toString("base64"),
          deadline_ms: timeoutMs
        }
        child.stdin.write(`${JSON.stringify({ id: "call", type: "invoke", payload })}\n`)
        void child.stdin.flush()
      } else if (message.type === "error") {
        throw new Error(JSON.stringify(message.payload))
      } else if (message.type === "response") {
        return Buffer.from(message.payload.body, "base64").toString()
      }
    }
    await child.exited
    const how = late
      ? `was killed after ${timeoutMs + GRACE_MS} ms`
      : `ended (${child.signalCode ?? child.exitCode})`
    throw new Error(`the worker ${how} before it answered\n${(await stderr).slice(-1_000)}`.trim())
  } finally {
    clearTimeout(limit)
    child.kill("SIGKILL")
    await child.exited
  }
}
