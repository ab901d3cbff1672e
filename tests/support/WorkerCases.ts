import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { GUEST_FLAGS } from "../../src/guest/bun/flags.ts"
import { type GuestRuntime, guestProgram, guestRuntimes, nativeProgram } from "./GuestProcess.ts"

/** Cases that run inside a real worker, the same table on both runtimes. */

/** What a case can use besides the globals. */
export interface CaseTools {
  /** The name of what `run` throws or rejects with ("TypeError"); "nothing" where it does not. */
  readonly threw: (run: () => unknown) => Promise<string>
  /** `ReadableStream.from`, which Bun's types lack. */
  readonly from: <A = unknown>(source: unknown) => ReadableStream<A>
  /** The request that runs the case. */
  readonly request: Request
}

export interface WorkerCase {
  readonly name: string
  /** Travels as its source: it may use its argument and globals only. What it gives has to be JSON. */
  readonly run: (tools: CaseTools) => unknown
  readonly expected: unknown
  /** Where Bun's worker answers otherwise. */
  readonly bun?: { readonly expected: unknown; readonly why: string }
  /** How the case is invoked; default GET. */
  readonly call?: WorkerCall
}

export interface WorkerCall {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly body?: string | Uint8Array
}

export interface HostCall {
  readonly id: string
  readonly payload: {
    readonly call_id: string
    readonly name: string
    readonly request?: {
      readonly url: string
      readonly method: string
      readonly headers: Readonly<Record<string, unknown>>
      readonly body: string
      readonly redirect: string
    }
  }
}

interface Message {
  readonly id: string
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

const commandOf = (runtime: GuestRuntime): Array<string> => {
  if (runtime === "bun") return [process.execPath, ...GUEST_FLAGS, guestProgram]
  if (fs.existsSync(nativeProgram)) return [nativeProgram]
  throw new Error("the native worker is not built; run: node scripts/native.mjs")
}

/** The native worker, where it could be built. */
export const nativeRuntime: ReadonlyArray<GuestRuntime> = guestRuntimes.filter((runtime) => runtime !== "bun")

/** A worker of either runtime on its stdin and stdout, with a host that answers its calls. */
export class WorkerUnderTest {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">
  readonly #answers = new Map<string, (message: Message) => void>()
  readonly #folder: string
  readonly #calls: Array<HostCall> = []
  #callsWaiting: Array<(call: HostCall) => void> = []
  #ready!: (message: Message) => void
  #serial = 0
  /** What the worker logged, in order: `level text`. */
  readonly logs: Array<string> = []
  /** Answers host calls; without it they are kept for `nextCall`. */
  onCall: ((call: HostCall) => unknown) | null = null

  private constructor(runtime: GuestRuntime, source: string) {
    this.#folder = fs.mkdtempSync(path.join(os.tmpdir(), "bunbase-worker-cases-"))
    const bundle = path.join(this.#folder, "bundle.mjs")
    fs.writeFileSync(bundle, source)
    this.#child = Bun.spawn([...commandOf(runtime), "--bundle", bundle], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" }
    })
  }

  static async start(runtime: GuestRuntime, source: string): Promise<WorkerUnderTest> {
    const worker = new WorkerUnderTest(runtime, source)
    const first = new Promise<Message>((resolve) => {
      worker.#ready = resolve
    })
    const ended = worker.#read()
    const message = await Promise.race([first, ended.then(() => null)])
    if (message?.type !== "ready") {
      await worker.stop()
      throw new Error(`the worker did not start: ${JSON.stringify(message?.payload ?? "it ended")}`)
    }
    return worker
  }

  /** Hangs up: the worker ends by itself, in order (with a sanitizer: without a leak). */
  async stop(): Promise<void> {
    await this.#child.stdin.end()
    const code = await this.#child.exited
    fs.rmSync(this.#folder, { recursive: true, force: true })
    if (code !== 0) throw new Error(`the worker ended with ${code}`)
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder()
    let pending = ""
    for await (const chunk of this.#child.stdout) {
      pending += decoder.decode(chunk, { stream: true })
      const lines = pending.split("\n")
      pending = lines.pop() as string
      for (const line of lines) this.#line(JSON.parse(line) as Message)
    }
  }

  #line(message: Message): void {
    if (message.type === "call") return this.#called(message as unknown as HostCall)
    if (message.type === "log") {
      this.logs.push(`${String(message.payload["level"])} ${String(message.payload["message"])}`)
    }
    if (message.id === "" && message.type !== "log") return this.#ready(message)
    if (message.type !== "response" && message.type !== "error") return
    this.#answers.get(message.id)?.(message)
    this.#answers.delete(message.id)
  }

  #called(call: HostCall): void {
    if (this.onCall !== null && call.payload.name === "fetch") {
      this.result(call, this.onCall(call) as object)
      return
    }
    const waiting = this.#callsWaiting.shift()
    if (waiting === undefined) this.#calls.push(call)
    else waiting(call)
  }

  /** The next host call that `onCall` does not answer. */
  nextCall(): Promise<HostCall> {
    const held = this.#calls.shift()
    return held === undefined
      ? new Promise((resolve) => this.#callsWaiting.push(resolve))
      : Promise.resolve(held)
  }

  /** Answers a host call. */
  result(call: HostCall, fields: object): void {
    this.#send({ id: call.id, type: "result", payload: { call_id: call.payload.call_id, ...fields } })
  }

  #send(message: Message): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`)
    void this.#child.stdin.flush()
  }

  cancel(id: string): void {
    this.#send({ id, type: "cancel", payload: { reason: "client_gone" } })
  }

  /** Sends an invocation; `id` is its own unless given. */
  invoke(url: string, call: WorkerCall & { readonly id?: string } = {}): Promise<Message> {
    const id = call.id ?? `case-${(this.#serial += 1)}`
    const answer = new Promise<Message>((resolve) => this.#answers.set(id, resolve))
    this.#send({
      id,
      type: "invoke",
      payload: {
        method: call.method ?? "GET",
        path: url.split("?")[0],
        url,
        headers: call.headers ?? {},
        query: {},
        body: call.body === undefined ? "" : Buffer.from(call.body).toString("base64"),
        deadline_ms: 30_000
      }
    })
    return answer
  }

  /** The body of the answer, which has to be a response of status 200. */
  async json(url: string, call: WorkerCall = {}): Promise<unknown> {
    const { type, payload } = await this.invoke(url, call)
    if (type !== "response" || payload["status"] !== 200) {
      throw new Error(`answered by ${type}: ${JSON.stringify(payload)}`)
    }
    return JSON.parse(Buffer.from(payload["body"] as string, "base64").toString()) as unknown
  }
}

const prelude = `
const threw = async (run) => {
  try {
    await run()
    return "nothing"
  } catch (error) {
    return error?.name ?? String(error)
  }
}
const from = (source) => ReadableStream.from(source)
export default async (request) => {
  const index = Number(new URL(request.url).pathname.slice(1))
  try {
    return Response.json({ value: await cases[index]({ threw, from, request }) })
  } catch (error) {
    return Response.json({ value: null, error: String(error) + "\\n" + error?.stack })
  }
}
`

/** The bundle that runs the cases: the path says which. */
const casesBundle = (cases: ReadonlyArray<WorkerCase>): string =>
  `const cases = [\n${cases.map(({ run }) => run.toString()).join(",\n")}\n]\n${prelude}`

/** Tests: every case on both runtimes. */
export const runCases = (area: string, cases: ReadonlyArray<WorkerCase>): void => {
  for (const runtime of guestRuntimes) {
    describe(`${area} on ${runtime}`, () => {
      let worker: WorkerUnderTest
      beforeAll(async () => {
        worker = await WorkerUnderTest.start(runtime, casesBundle(cases))
      })
      afterAll(() => worker.stop())

      it.each(cases.map((one, index) => [one.name, one, index] as const))("%s", async (_name, one, index) => {
        const expected = runtime === "bun" && one.bun !== undefined ? one.bun.expected : one.expected
        expect(await worker.json(`/${index}`, one.call)).toEqual({ value: expected })
      })
    })
  }
}
