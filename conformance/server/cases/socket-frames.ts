import { CaseFailure } from "../../model/Case.ts"
import type { Bench } from "../Bench.ts"
import { check, holds } from "../check.ts"
import { encodeFrame, MAX_LENGTH } from "../client/Frames.ts"
import { Command, type SocketClient } from "../client/SocketClient.ts"
import { casesOf } from "../define.ts"
import { uniqueName } from "../Door.ts"

/** Frames as bytes: how they are cut, what breaks them, and what that is for the connection and for others. */
const cases = casesOf("socket-frames", ["socket"])

const client = async (bench: Bench): Promise<SocketClient> => bench.keep(await bench.server.connect())

const ping = (id: bigint, payload = ""): Buffer => encodeFrame({ id, code: Command.PING, payload })

const registration = (name: string): Buffer =>
  encodeFrame({ id: 77n, code: Command.REGISTER_FUNCTION, payload: JSON.stringify({ name }) })

/** Fails where the function is known. */
const isUnknown = async (bench: Bench, name: string): Promise<void> => {
  const { status } = await bench.server.call("GET_FUNCTION", { function_id: name })
  check(`${name}, which nobody was to register`, "NOT_FOUND", status)
}

cases.add("byte-by-byte", "A frame may come byte by byte", ["SP-008", "SP-007"], {}, async (bench) => {
  const socket = await client(bench)
  const other = await client(bench)
  for (const byte of ping(5n, '{"a":"€"}')) {
    await socket.send(Uint8Array.of(byte))
    // the server has turned to its sockets in between
    await other.call("PING")
  }
  check("the answer", { id: 5n, status: "OK" }, await socket.next())
})

cases.add(
  "several-at-once",
  "All frames of one piece are taken, the begun one too",
  ["SP-009", "SP-012"],
  {},
  async (bench) => {
    const socket = await client(bench)
    const last = ping(4n, '{"b":1}')
    await socket.send(Buffer.concat([ping(1n), ping(2n), ping(3n), last.subarray(0, 15)]))
    for (const id of [1n, 2n, 3n]) check(`the answer to ${id}`, "OK", (await socket.answer(id)).status)
    await socket.send(last.subarray(15))
    check("the answer to the last", "OK", (await socket.answer(4n)).status)
    await socket.send(ping(9n))
    await socket.answer(9n)
    check("answers that nobody asked for", [], [...socket.pending])
  }
)

cases.add(
  "largest-frame",
  "A frame of 16777216 bytes is taken",
  ["SP-010", "SP-023"],
  { alone: true },
  async (bench) => {
    const socket = await client(bench)
    void socket.send(
      encodeFrame({ id: 1n, code: Command.PING, payload: Buffer.alloc(MAX_LENGTH - 13, 0x20) })
    )
    check("the answer", { id: 1n, status: "OK" }, await socket.next())
    void socket.send(
      encodeFrame({ id: 2n, code: Command.GET_FUNCTION, payload: Buffer.alloc(MAX_LENGTH - 13, 0x20) })
    )
    check(
      "a command that takes less",
      { id: 2n, status: "ERROR", payload: { code: "FN_006" } },
      await socket.next()
    )
    check("the connection afterwards", "OK", (await socket.call("PING")).status)
  }
)

cases.add("ids", "An id is 64 bits of the client's choice", ["SP-011"], {}, async (bench) => {
  const socket = await client(bench)
  for (const id of [
    0n,
    1n,
    2n ** 31n,
    2n ** 32n,
    2n ** 53n + 1n,
    2n ** 63n,
    2n ** 63n + 1n,
    2n ** 64n - 1n
  ]) {
    await socket.send(ping(id))
    check("the answer's id", id, (await socket.next()).id)
    await socket.send(encodeFrame({ id, code: 0x7f }))
    check("the refusal's id", id, (await socket.next()).id)
  }
})

cases.add("equal-ids", "Requests with one id are all answered", ["SP-014", "SP-012"], {}, async (bench) => {
  const fn = await bench.server.sharedFn({ concurrency: 20, max_workers: 2 })
  const socket = await client(bench)
  socket.post("INVOKE", { function_id: fn.name, url: "/do/sleep?ms=50" }, 8n)
  socket.post("PING", {}, 8n)
  socket.post("INVOKE", { function_id: fn.name }, 8n)
  socket.post("GET_FUNCTION", { function_id: fn.name }, 8n)
  for (let count = 0; count < 4; count += 1) check("an answer", { id: 8n, status: "OK" }, await socket.next())
})

cases.add("out-of-order", "An answer waits for no other", ["SP-013"], {}, async (bench) => {
  const fn = await bench.server.sharedFn({ concurrency: 20, max_workers: 2 })
  const socket = await client(bench)
  await socket.answer(socket.post("INVOKE", { function_id: fn.name }))
  const slow = socket.post("INVOKE", { function_id: fn.name, url: "/do/sleep?ms=1500" })
  const quick = socket.post("INVOKE", { function_id: fn.name })
  const shown = socket.post("GET_FUNCTION", { function_id: fn.name })
  await socket.answer(quick)
  await socket.answer(shown)
  await socket.call("PING")
  check("answers before the slow one's", [], [...socket.pending])
  check("the slow one", "OK", (await socket.answer(slow)).status)
})

const END_MS = 5_000

/** Waits for the server to end a connection whose framing is broken, and for nothing else of it. */
const isEnded = async (socket: SocketClient): Promise<void> => {
  const late = new Promise((resolve) => setTimeout(() => resolve("late"), END_MS))
  const isLate = (await Promise.race([socket.ended, late])) === "late"
  const carriedOut = socket.pending.length > 0
  if (!isLate && !carriedOut) return
  throw new CaseFailure(isLate ? "the connection goes on" : "more is answered", {
    expected: [],
    observed: socket.pending.map(({ id, status }) => `${id} ${status}`),
    requirements: [...(isLate ? ["SP-028"] : []), ...(carriedOut ? ["SP-029"] : [])]
  })
}

/** Sends what breaks the framing; expects a refusal with the id, and the end of the connection. */
const isRefused = async (bench: Bench, bytes: Uint8Array, id: bigint): Promise<void> => {
  const socket = await client(bench)
  await socket.send(bytes)
  check(
    "the answer",
    { id, status: "ERROR", payload: { code: "FN_006" }, problem: { status: 400 } },
    await socket.next()
  )
  await isEnded(socket)
}

cases.add(
  "too-long",
  "A length above the limit is refused when its id is there",
  ["SP-024", "SP-028"],
  {},
  async (bench) => {
    for (const length of [MAX_LENGTH + 1, 2 ** 31, 2 ** 32 - 1]) {
      await isRefused(
        bench,
        encodeFrame({ id: 0x1122334455667788n, code: 0x11, length }).subarray(0, 12),
        0x1122334455667788n
      )
    }
  }
)

cases.add(
  "too-short",
  "A length that leaves no room for a head is refused with its id",
  ["SP-025", "SP-028"],
  {},
  async (bench) => {
    for (const length of [8, 9, 11, 12]) {
      const bytes = encodeFrame({ id: 0xfedcba9876543210n, code: 0x11, length })
      await isRefused(bench, bytes.subarray(0, 4 + length), 0xfedcba9876543210n)
    }
  }
)

cases.add(
  "no-id",
  "A length that leaves no room for an id ends the connection",
  ["SP-026"],
  {},
  async (bench) => {
    for (const length of [0, 1, 7]) {
      const socket = await client(bench)
      await socket.send(encodeFrame({ id: 1n, code: 0x11, length }))
      await socket.ended
      check("bytes of an answer", 0, socket.received)
    }
  }
)

cases.add(
  "two-lengths",
  "A payload_length that does not fit is refused at once",
  ["SP-027", "SP-028"],
  {},
  async (bench) => {
    for (const payloadLength of [0, 9, 11, 2 ** 32 - 1]) {
      const bytes = encodeFrame({ id: 3n, code: 0x11, length: 23, payloadLength })
      await isRefused(bench, bytes, 3n)
    }
  }
)

cases.add(
  "after-broken",
  "Nothing behind a broken frame is carried out",
  ["SP-029", "SP-028", "SP-012"],
  {},
  async (bench) => {
    const name = uniqueName()
    for (const broken of [
      encodeFrame({ id: 2n, code: 0x11, length: 12 }).subarray(0, 16),
      encodeFrame({ id: 2n, code: 0x11, length: 14, payloadLength: 0 }),
      encodeFrame({ id: 2n, code: 0x11, length: MAX_LENGTH + 1 })
    ]) {
      const socket = await client(bench)
      await socket.send(Buffer.concat([ping(1n), broken, registration(name), ping(3n)]))
      check("what stood before it", { id: 1n, status: "OK" }, await socket.next())
      check("the broken frame", { id: 2n, status: "ERROR" }, await socket.next())
      await isEnded(socket)
    }
    await isUnknown(bench, name)
  }
)

cases.add("others-unharmed", "A broken connection harms no other", ["SP-030"], {}, async (bench) => {
  const fn = await bench.server.sharedFn({ concurrency: 20, max_workers: 2 })
  const good = await client(bench)
  const slow = good.post("INVOKE", { function_id: fn.name, url: "/do/sleep?ms=150" })
  for (const bytes of [
    encodeFrame({ id: 1n, code: 0x11, length: 0 }),
    encodeFrame({ id: 1n, code: 0x11, length: MAX_LENGTH + 1 }),
    encodeFrame({ id: 1n, code: 0x11, payloadLength: 3 })
  ]) {
    const bad = await client(bench)
    await bad.send(bytes)
    await bad.ended
  }
  check("the one that was under way", "OK", (await good.answer(slow)).status)
  check("the next one", "OK", (await good.call("PING")).status)
})

cases.add(
  "unfinished",
  "An unfinished frame is dropped with its connection",
  ["SP-031"],
  {},
  async (bench) => {
    const names = [uniqueName(), uniqueName()]
    const bytes = names.map(registration)
    const gone = await client(bench)
    await gone.send(bytes[0]?.subarray(0, -1) ?? Buffer.alloc(0))
    gone.destroy()
    const half = await client(bench)
    await half.send(bytes[1]?.subarray(0, -1) ?? Buffer.alloc(0))
    half.end()
    await half.ended
    check("bytes of an answer", 0, half.received)
    for (const name of names) await isUnknown(bench, name)
  }
)

cases.add(
  "half-closed",
  "A client that ends its side is at its end, or answered",
  ["SP-082"],
  {},
  async (bench) => {
    const socket = await client(bench)
    await socket.send(ping(1n))
    await socket.answer(1n)
    await socket.send(ping(2n))
    socket.end()
    await socket.ended
    holds("at most one answer came", socket.pending.length <= 1, socket.pending.length)
  }
)

export const socketFrameCases = cases.all
