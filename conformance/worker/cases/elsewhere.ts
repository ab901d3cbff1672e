import { spawn } from "node:child_process"
import { connect } from "node:net"
import { join } from "node:path"
import type { Readable, Writable } from "node:stream"
import { type Case, type CaseContext, CaseFailure } from "../../model/Case.ts"
import { shellLine } from "../../shellLine.ts"
import { difference } from "../matchers/match.ts"
import { isObject, type Message, readLine } from "../session/Message.ts"
import { invokePayload } from "../steps/invoke.ts"
import { LineDecoder } from "../target/LineDecoder.ts"
import { MAX_LINE_BYTES } from "../target/WorkerProcess.ts"
import type { WorkerTarget } from "../WorkerTarget.ts"

/** Workers that speak elsewhere than on stdin and stdout. Both are a worker's own choice: what it chooses it has to do. */

const source = "conformance/worker/cases/elsewhere.ts"

interface Channel {
  readonly name: string
  /** The next message that `accepts` takes. */
  readonly take: (what: string, accepts: (message: Message) => boolean) => Promise<Message>
  readonly send: (message: Message) => void
}

/** The protocol on two streams, or on both directions of one. */
const channelOn = (
  name: string,
  output: Readable,
  input: Writable,
  { signal, transcript }: CaseContext,
  patienceMs: number
): Channel => {
  const heard: Array<Message> = []
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  let wake = (): void => {}
  const decoder = new LineDecoder(MAX_LINE_BYTES, {
    line: (line) => {
      transcript.add("target", `${name}: ${Buffer.from(line).toString()}`)
      const read = readLine(line)
      if (read._tag === "Message") heard.push(read.message)
      wake()
    },
    oversize: close
  })
  output.on("data", (chunk: Buffer) => decoder.push(chunk))
  output.on("close", close)
  for (const stream of [output, input]) stream.on("error", () => close())
  return {
    name,
    send: (message) => {
      transcript.add("suite", `${name}: ${JSON.stringify(message)}`)
      input.write(`${JSON.stringify(message)}\n`)
    },
    take: async (what, accepts) => {
      const late = AbortSignal.timeout(patienceMs)
      const isOver = new Promise<"over">((resolve) => {
        for (const one of [late, signal]) one.addEventListener("abort", () => resolve("over"), { once: true })
        void closed.then(() => resolve("over"))
      })
      for (;;) {
        const at = heard.findIndex(accepts)
        if (at !== -1) return heard.splice(at, 1)[0] as Message
        const more = new Promise<"more">((resolve) => (wake = () => resolve("more")))
        if ((await Promise.race([more, isOver])) === "over") {
          signal.throwIfAborted()
          throw new CaseFailure(`${what} did not come on ${name}`, { expected: what, observed: heard })
        }
      }
    }
  }
}

const answers = async (channel: Channel): Promise<void> => {
  channel.send({ id: "a", type: "invoke", payload: invokePayload({}) })
  const { payload, type } = await channel.take("the answer", ({ id }) => id === "a")
  const expected = { status: 200, body: { $text: "hello" } }
  if (type === "response" && difference(expected, payload) === null) return
  throw new CaseFailure(`the function hello was not answered as it should on ${channel.name}`, {
    expected,
    observed: { type, payload }
  })
}

const isReady = ({ type }: Message): boolean => type === "ready"

/** It is ready on one of both, and answers there. */
const onDescriptor: Case<WorkerTarget> = {
  id: "worker/start/descriptor",
  title:
    "With BUNBASE_PROTOCOL_FD the protocol is on that descriptor, both ways, or on stdin and stdout, both ways",
  requirements: ["WP-006", "WP-007"],
  source,
  needs: {},
  timeoutMs: 15_000,
  alone: false,
  run: async (target, context) => {
    const child = spawn("/bin/sh", ["-c", shellLine(target.commandOf("hello")).text], {
      stdio: ["pipe", "pipe", "ignore", "pipe"],
      env: { ...process.env, BUNBASE_PROTOCOL_FD: "3" },
      detached: true
    })
    if (child.pid === undefined) throw new CaseFailure("the worker cannot be started")
    context.owns(child.pid)
    const [stdin, stdout, , descriptor] = child.stdio as unknown as readonly [
      Writable,
      Readable,
      null,
      Readable & Writable
    ]
    const channels = [
      channelOn("the descriptor", descriptor, descriptor, context, target.patienceMs),
      channelOn("stdin and stdout", stdout, stdin, context, target.patienceMs)
    ]
    const ready = channels.map((channel) => channel.take("ready", isReady).then(() => channel))
    const chosen = await Promise.any(ready).catch(() => {
      context.signal.throwIfAborted()
      throw new CaseFailure("ready came neither on the descriptor nor on stdout")
    })
    context.observe(`it speaks on ${chosen.name}`)
    await answers(chosen)
  }
}

/** A worker that says that it is a fork server has workers to give, each for itself. */
const forkServer: Case<WorkerTarget> = {
  id: "worker/load/zygote",
  title: "A load with zygote makes a fork server of a worker, or is a load like any other",
  requirements: ["WP-190"],
  source,
  needs: { features: ["load"] },
  timeoutMs: 20_000,
  alone: false,
  run: (target, context) =>
    target.play({ function: null }, context, async ({ pathOf, session }) => {
      const zygote = join(context.folder, "zygote")
      const payload = { bundle_path: pathOf("hello"), handler: "", env: {}, zygote }
      session.send({ id: "", type: "load", payload })
      await session.ready()
      if (!session.features.includes("fork")) {
        const answer = await session.probe()
        if (answer.type === "response") return
        throw new CaseFailure("a worker that is no fork server has not loaded the bundle", {
          observed: answer
        })
      }
      const pids: Array<unknown> = []
      for (const name of ["the first worker's connection", "the second worker's connection"]) {
        const socket = connect({ path: zygote })
        try {
          const channel = channelOn(name, socket, socket, context, target.patienceMs)
          const ready = await channel.take("ready", isReady)
          if (isObject(ready.payload)) pids.push(ready.payload["pid"])
          await answers(channel)
        } finally {
          socket.destroy()
        }
      }
      if (pids.every(Number.isInteger) && new Set(pids).size === 2) return
      throw new CaseFailure("the workers of a fork server have no processes of their own", { observed: pids })
    })
}

/** What a worker may do, and does as it should where it does it. */
export const elsewhereCases: ReadonlyArray<Case<WorkerTarget>> = [onDescriptor, forkServer]
