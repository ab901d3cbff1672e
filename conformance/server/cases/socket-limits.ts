import { connect } from "node:net"
import type { Bench } from "../Bench.ts"
import { check, holds } from "../check.ts"
import { encodeFrame, FrameReader } from "../client/Frames.ts"
import { Command, readAnswer, type SocketClient } from "../client/SocketClient.ts"
import { casesOf } from "../define.ts"
import type { Door } from "../Door.ts"

/** Peers that stall, and how much one client may ask for at once. */
const cases = casesOf("socket-limits", ["socket"])

const client = async (bench: Bench, door: Door = bench.server): Promise<SocketClient> =>
  bench.keep(await door.connect())

const ROOMY = { concurrency: 20, max_workers: 2 }
const MIB = 1024 * 1024
const STALL_MS = 30_000
const TOLERANCE_MS = 10_000
/** How much later than it happened the suite may see it, on a machine that is busy. */
const ALLOWANCE_MS = 2_000

cases.add(
  "stalled-peers",
  "A peer that leaves a frame unfinished, or reads nothing, is let go after 30 s; one that only waits is not",
  ["SP-032", "SP-033", "SP-034"],
  { timeoutMs: 70_000, waits: true },
  async (bench) => {
    const fn = await bench.server.sharedFn(ROOMY)
    const silent = await client(bench)
    await silent.call("PING")
    const torn = await client(bench)
    const trickling = await client(bench)
    const deaf = await client(bench)
    const began = performance.now()
    const over = STALL_MS + TOLERANCE_MS + ALLOWANCE_MS
    const frame = encodeFrame({ id: 1n, code: Command.PING, payload: " ".repeat(100) })
    await torn.send(frame.subarray(0, 14))
    const trickle = async (): Promise<void> => {
      for (let at = 0; performance.now() - began < over && !trickling.isEnded; at += 1) {
        await trickling.send(frame.subarray(at, at + 1))
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      }
    }
    const trickled = trickle()
    deaf.pause()
    const asked = 6
    for (let n = 0; n < asked; n += 1)
      deaf.post("INVOKE", { function_id: fn.name, url: "/do/bytes?n=2000000" })

    const timeOf = async (socket: SocketClient): Promise<number> => {
      await Promise.race([socket.ended, new Promise((resolve) => setTimeout(resolve, over + 500))])
      return performance.now() - began
    }
    const [tornMs, tricklingMs] = await Promise.all([timeOf(torn), timeOf(trickling), trickled])
    const inTime = { $gte: STALL_MS - 500, $lte: STALL_MS + TOLERANCE_MS + ALLOWANCE_MS }
    check("milliseconds until a torn frame ended its connection", inTime, tornMs, undefined, ["SP-032"])
    check("milliseconds until a trickling one did", inTime, tricklingMs, undefined, ["SP-032"])
    check("answers to unfinished frames", 0, torn.received + trickling.received)

    // it would have been let go by now; what the kernel had taken for it is still there
    const rest = began + over - performance.now()
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, rest)))
    deaf.resume()
    const patience = performance.now() + 15_000
    while (!deaf.isEnded && deaf.pending.length < asked && performance.now() < patience) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    holds("a peer that read nothing was given everything", deaf.pending.length < asked, deaf.pending.length)
    check("a peer that only waited", "OK", (await silent.call("PING")).status, undefined, ["SP-034"])
  }
)

cases.add(
  "slow-reader",
  "Answers wait for a peer that does not read at once",
  ["SP-035"],
  {},
  async (bench) => {
    const fn = await bench.server.sharedFn(ROOMY)
    const slow = await client(bench)
    slow.pause()
    const ids = Array.from({ length: 14 }, () =>
      slow.post("INVOKE", { function_id: fn.name, url: "/do/bytes?n=80000" })
    )
    const marker = slow.post("INVOKE", { function_id: fn.name, url: "/do/remember?mark=read-late" })
    await bench.server
      .until("that all of them were called", async () => {
        const { status, text } = await fn.call("/do/remembered?mark=read-late")
        return status === 200 && text === "true" ? true : null
      })
      .catch(() => {
        // a server may read no further requests of such a peer; what it has read counts
      })
    slow.resume()
    for (const id of [...ids, marker]) {
      const answer = await slow.answer(id)
      check("an answer", { status: "OK", payload: { success: true } }, answer)
    }
  }
)

cases.add(
  "dropped-answers",
  "An answer that is dropped for want of room is replaced by a refusal",
  ["SP-036", "SP-012"],
  { alone: true, timeoutMs: 40_000 },
  async (bench) => {
    const fn = await bench.server.sharedFn({ concurrency: 20, max_workers: 2, memory_mb: 2048 })
    const slow = await client(bench)
    slow.pause()
    const ids = Array.from({ length: 8 }, () =>
      slow.post("INVOKE", { function_id: fn.name, url: "/do/bytes?n=10000000" })
    )
    // all have had their answer from the function when nothing runs any more
    await fn.untilShown("the end of all", ({ workers }) => workers.busy === 0, 20_000)
    slow.resume()
    for (const id of ids) {
      const answer = await slow.answer(id)
      check(
        "an answer or its replacement",
        {
          $oneOf: [
            { status: "OK", payload: { success: true } },
            { status: "ERROR", payload: { code: "FN_007" } }
          ]
        },
        answer
      )
    }
    check("the connection afterwards", "OK", (await slow.call("PING")).status)
  }
)

cases.add(
  "many-in-flight",
  "1024 requests may wait for their answers; one beyond the bound is refused, the others stay",
  ["SP-037", "SP-038", "SP-012"],
  { alone: true, timeoutMs: 40_000 },
  async (bench) => {
    const fn = await bench.server.fn({
      concurrency: 10_000,
      max_workers: 1,
      max_concurrent_executions: 10_000
    })
    await fn.call("/")
    const socket = await client(bench)
    const slow = { function_id: fn.name, url: "/do/sleep?ms=4000" }
    const taken = Array.from({ length: 1024 }, () => socket.post("INVOKE", slow))
    // answered by then, were it refused
    await fn.untilShown("the invocations", ({ workers }) => workers.busy === 1)
    const other = await bench.server.call("PING")
    check("another connection", "OK", other.status)
    const early = socket.pending.filter(({ status }) => status !== "OK")
    check("refusals among the first 1024", [], early, undefined, ["SP-037"])
    const beyond = Array.from({ length: 8 }, () => socket.post("INVOKE", slow))
    const all = await Promise.all([...taken, ...beyond].map((id) => socket.answer(id)))
    const refusedOnes = all.filter(({ status }) => status !== "OK")
    check(
      "the refusals",
      { $every: { status: "ERROR", payload: { code: "FN_007" } } },
      refusedOnes,
      undefined,
      ["SP-038"]
    )
    check("the first 1024", { $every: { payload: { success: true } } }, all.slice(0, 1024))
    check("the connection afterwards", "OK", (await socket.call("PING")).status)
  }
)

cases.add(
  "many-connections",
  "A client beyond the bound for connections is told so",
  ["SP-039"],
  { alone: true, traits: ["own"], timeoutMs: 40_000 },
  async (bench) => {
    const server = await bench.own()
    const sockets: Array<ReturnType<typeof connect>> = []
    bench.after(() => {
      for (const socket of sockets) socket.destroy()
    })
    const open = (): Promise<Buffer | null> =>
      new Promise((resolve, reject) => {
        const socket = connect(server.socketPath)
        sockets.push(socket)
        let received = Buffer.alloc(0)
        const told = (): void => resolve(received.length === 0 ? null : received)
        socket.on("data", (chunk: Buffer) => {
          received = Buffer.concat([received, chunk])
        })
        socket.once("connect", () => {
          // a PING tells whether it was let in
          socket.write(encodeFrame({ id: 1n, code: Command.PING }))
        })
        socket.once("data", () => setTimeout(told, 5))
        socket.once("close", told)
        socket.once("error", (error: NodeJS.ErrnoException) =>
          error.code === "EPIPE" || error.code === "ECONNRESET" ? told() : reject(error)
        )
      })
    let turnedAway: Buffer | null = null
    let isTurnedAway = false
    for (let batch = 0; batch < 26 && !isTurnedAway; batch += 1) {
      const all = await Promise.all(Array.from({ length: 200 }, open))
      const odd = all.find((bytes) => bytes === null || bytes.readBigUInt64LE(4) !== 1n)
      if (odd !== undefined) {
        isTurnedAway = true
        turnedAway = odd
      }
    }
    // a server with room for more than 5000 has nothing to say here
    if (!isTurnedAway) return
    holds("a client was turned away without a word", turnedAway !== null)
    const [frame] = new FrameReader().push(turnedAway ?? Buffer.alloc(0))
    holds("what it was told is no frame", frame !== undefined)
    if (frame === undefined) return
    const answer = readAnswer(frame.code, frame.id, frame.payload)
    check("what it was told", { id: 0n, status: "ERROR", payload: { code: "FN_007" } }, answer)
  }
)

cases.add(
  "no-room",
  "A payload for which there is no room is refused, and the frame after it taken",
  ["SP-040"],
  { traits: ["own"] },
  async (bench) => {
    const door = await bench.special({ max_buffered_bytes: 16 * MIB, max_bundle_bytes: MIB })
    const fn = await door.sharedFn(ROOMY)
    const holder = await client(bench, door)
    const body = Buffer.alloc(10_000_000, 1).toString("base64")
    holder.post("INVOKE", { function_id: fn.name, method: "POST", url: "/do/hold?mark=room", body })
    await fn.untilShown("the invocation that holds the room", ({ workers }) => workers.busy > 0)
    const socket = await client(bench, door)
    const large = Buffer.alloc(3_000_000, 1).toString("base64")
    const refusedId = socket.post("INVOKE", { function_id: fn.name, method: "POST", body: large })
    const next = socket.post("INVOKE", { function_id: fn.name })
    check(
      "the one without room",
      { status: "ERROR", payload: { code: "FN_007" } },
      await socket.answer(refusedId)
    )
    check("the one after it", { status: "OK", payload: { success: true } }, await socket.answer(next))
    holder.destroy()
    await door.until("room again", async () => {
      const { status } = await socket.call("INVOKE", { function_id: fn.name, method: "POST", body: large })
      return status === "OK" ? true : null
    })
  }
)

cases.add(
  "management-payloads",
  "Management commands other than a deployment take payloads of at most 1 MiB",
  ["SP-092"],
  {},
  async (bench) => {
    const socket = await client(bench)
    const text = "x".repeat(1024 * 1024)
    for (const [command, payload] of [
      ["REGISTER_FUNCTION", { name: text }],
      ["GET_FUNCTION", { function_id: text }],
      ["GET_FUNCTION_VERSIONS", { function_id: text }],
      ["LIST_FUNCTIONS", { a: text }],
      ["DELETE_FUNCTION", { function_id: text }],
      ["DELETE_VERSION", { function_id: text, version: "v1" }],
      ["ROLLBACK_FUNCTION", { function_id: text }],
      ["RESET_FUNCTION", { function_id: text }]
    ] as const) {
      check(command, { status: "ERROR", payload: { code: "FN_006" } }, await socket.call(command, payload))
    }
    check("the connection afterwards", "OK", (await socket.call("PING")).status)
  }
)

export const socketLimitCases = cases.all
