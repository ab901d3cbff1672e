// Faults of clients, by HTTP and by the socket.
import { check, holds } from "../server/check.ts"
import { encodeFrame, MAX_LENGTH } from "../server/client/Frames.ts"
import { encodeRequest, type HttpConnection } from "../server/client/HttpClient.ts"
import type { SocketClient } from "../server/client/SocketClient.ts"
import type { Door, Fn } from "../server/Door.ts"
import { call, many, who } from "../server/guarantees/calls.ts"
import { httpGarbage, socketGarbage } from "../server/guarantees/garbage.ts"
import { Logs } from "../server/guarantees/Logs.ts"
import { pause } from "../server/guarantees/timing.ts"
import { descriptorCount } from "../server/target/processTable.ts"
import type { Fault } from "./Fault.ts"
import type { Stage } from "./Stage.ts"

/** Sends bytes on a connection of the socket of their own; gives what the server did with it within a moment. */
const throwAt = async (door: Door, bytes: Uint8Array): Promise<"ended" | "answered" | "waits"> => {
  const client = await door.connect()
  const answered = client.next().then(
    () => "answered" as const,
    () => "ended" as const
  )
  void client.send(bytes)
  const became = await Promise.race([answered, pause(80).then(() => "waits" as const)])
  client.destroy()
  return became
}

const counted = (all: ReadonlyArray<string>): string =>
  [...Map.groupBy(all, (one) => one)].map(([name, { length }]) => `${length} ${name}`).join(", ")

const garbageOnSocket: Fault = {
  name: "socket-garbage",
  what: "Clients send bytes to the socket that are no frames, and frames that lie about their lengths",
  promise: "their connections are answered with errors or ended; other clients are served",
  requirements: ["GR-061"],
  traits: ["socket"],
  play: async (stage) => {
    const server = await stage.server()
    await stage.whileServing(
      server,
      async () => {
        const became: Array<string> = []
        for (const bytes of socketGarbage(stage.bench.context.seed)) became.push(await throwAt(server, bytes))
        stage.saw(`${became.length} connections: ${counted(became)}`)
      },
      "GR-061"
    )
  }
}

const tornFrame: Fault = {
  name: "socket-torn-frame",
  what: "Clients send a part of a frame and go, or send no more",
  promise: "nobody waits for the rest but their own connections; other clients are served",
  requirements: ["GR-061"],
  traits: ["socket"],
  play: async (stage) => {
    const server = await stage.server()
    const whole = encodeFrame({ id: 7n, code: 0x11, payload: "{}" })
    await stage.whileServing(
      server,
      async () => {
        for (let length = 1; length < whole.length; length += 1) {
          const client = stage.bench.keep(await server.connect())
          await client.send(whole.subarray(0, length))
          // every second one stays
          if (length % 2 === 0) client.destroy()
          else if (length === whole.length - 2) {
            await client.send(whole.subarray(length))
            check("PING whose frame came in two parts", "OK", (await client.answer(7n)).status)
            stage.saw("a frame that came in two parts was answered")
          }
        }
      },
      "GR-061"
    )
  }
}

const oversize: Fault = {
  name: "socket-oversize",
  what: "Clients announce frames that are longer than 16 MiB",
  promise: "their connections are ended; other clients are served",
  requirements: ["GR-061", "GR-063"],
  traits: ["socket"],
  play: async (stage) => {
    const server = await stage.server()
    await stage.whileServing(
      server,
      async () => {
        for (const length of [MAX_LENGTH + 1, 2 ** 31, 2 ** 32 - 1]) {
          const client = stage.bench.keep(await server.connect())
          void client.send(encodeFrame({ id: 1n, code: 0x01, length, payload: "{" }))
          await client.ended
          stage.saw(`a frame of ${length} bytes: the connection was ended`)
        }
      },
      "GR-061"
    )
  }
}

const garbageOnHttp: Fault = {
  name: "http-garbage",
  what: "Clients send bytes to the HTTP port that are no requests, or lie about their lengths",
  promise: "their connections are answered with errors or closed; other clients are served",
  requirements: ["GR-060"],
  traits: ["http"],
  play: async (stage) => {
    const server = await stage.server()
    await stage.whileServing(
      server,
      async () => {
        const became: Array<string> = []
        for (const bytes of httpGarbage(stage.bench.context.seed)) {
          const connection = await server.tcp()
          void connection.send(bytes)
          const first = await Promise.race([connection.anything(), pause(80)])
          const status = /^HTTP\/1\.1 (\d)/.exec(first?.subarray(0, 20).toString("latin1") ?? "")?.[1]
          became.push(
            status === undefined ? (first === undefined ? "wait" : "closed") : `answered ${status}xx`
          )
          connection.destroy()
        }
        stage.saw(`${became.length} connections: ${counted(became)}`)
      },
      "GR-060"
    )
  }
}

const slowReader: Fault = {
  name: "slow-reader",
  what: "Clients ask for large answers and do not read them",
  promise: "other clients are served, and what was asked for can be read later",
  requirements: ["GR-001", "GR-060", "GR-061", "GR-063"],
  traits: ["http"],
  timeoutMs: 90_000,
  play: async (stage) => {
    const server = await stage.server()
    const size = 2_000_000
    const fn = await server.fn({ concurrency: 8, max_workers: 1, timeout_seconds: 60 })
    await who(fn)
    const path = fn.target(`/do/bytes?n=${size}`)
    const readers: Array<HttpConnection> = []
    const clients: Array<{ readonly client: SocketClient; readonly ids: ReadonlyArray<bigint> }> = []
    await stage.whileServing(server, async () => {
      for (let n = 0; n < 8; n += 1) {
        const connection = await server.tcp()
        stage.bench.after(() => connection.destroy())
        connection.pause()
        await connection.send(encodeRequest({ target: path }, server.url.host))
        readers.push(connection)
      }
      for (let n = 0; server.address.socket !== null && n < 2; n += 1) {
        const client = stage.bench.keep(await server.connect())
        client.pause()
        const ask = () => client.post("INVOKE", { function_id: fn.name, url: `/do/bytes?n=${size}` })
        clients.push({ client, ids: Array.from({ length: 6 }, ask) })
      }
      await pause(1_000)
    })
    for (const connection of readers) {
      connection.resume()
      const response = await connection.response()
      check("bytes of an answer that is read late", size, response?.body.length, new Map(), ["GR-001"])
    }
    for (const { client, ids } of clients) {
      client.resume()
      for (const id of ids) check("an answer that is read late", "OK", (await client.answer(id)).status)
    }
    stage.saw(
      `all ${readers.length + clients.length * 6} answers of ${size} bytes were there when they were read`
    )
  }
}

const slowSender: Fault = {
  name: "slow-sender",
  what: "A hundred clients send their requests byte by byte",
  promise: "other clients are served meanwhile; a request that is whole in the end is answered",
  requirements: ["GR-060", "GR-061"],
  traits: ["http"],
  play: async (stage) => {
    const server = await stage.server()
    const fn = await server.fn({ max_workers: 1, concurrency: 10 })
    await who(fn)
    const request = encodeRequest({ method: "POST", target: fn.target(), body: "slowly" }, server.url.host)
    const statuses = await stage.whileServing(
      server,
      () =>
        many(100, async (n) => {
          const connection = await server.tcp()
          stage.bench.after(() => connection.destroy())
          // most give up in the middle; ten bring their request to its end
          const end = n < 10 ? request.length : 20 + n
          for (let at = 0; at < Math.min(end, request.length) && !connection.isEnded; at += 4) {
            await connection.send(request.subarray(at, Math.min(at + 4, end)))
            await pause(15)
          }
          if (n >= 10) {
            connection.destroy()
            return null
          }
          return (await connection.response())?.status ?? 0
        }),
      "GR-060"
    )
    const whole = statuses.filter((status) => status !== null)
    check(
      "the answers to those that came to their end",
      whole.map(() => 200),
      whole
    )
    stage.saw(`${whole.length} slow requests were answered with 200, 90 were given up`)
  }
}

/** Invocations that a client has left: each is cancelled, its handler told, and its record says so. */
const leaving = async (
  stage: Stage,
  runtime: string,
  leave: (fn: Fn, ids: ReadonlyArray<string>, started: () => Promise<void>) => Promise<void>
): Promise<void> => {
  const server = await stage.server()
  const fn = await server.fn({ runtime, concurrency: 6, max_workers: 1 })
  const { worker } = await who(fn)
  const logs = new Logs(fn)
  const ids = [0, 1, 2].map((n) => `left-${runtime}-${n}-${fn.name}`)
  await leave(fn, ids, async () => {
    for (const id of ids) await logs.untilSaid(`holding ${id}`)
  })
  for (const id of ids) {
    await logs.untilSaid(`aborted ${id}`)
    check(`the record of ${id}`, { outcome: "cancelled" }, await logs.untilRecord(id), new Map(), ["GR-056"])
  }
  check("the worker of the next call", worker, (await who(fn)).worker)
  stage.saw(`${runtime}: three invocations were cancelled, told by the handler's signal, and recorded so`)
}

const clientGone: Fault = {
  name: "client-gone",
  what: "Clients close their connections while their invocations run",
  promise: "the invocations are cancelled, the handlers are told, the records say so, and the worker goes on",
  requirements: ["GR-054", "GR-055", "GR-056", "GR-057"],
  traits: ["http", "logs"],
  play: async (stage) => {
    for (const runtime of stage.runtimes) {
      await leaving(stage, runtime, async (fn, ids, started) => {
        const { door } = fn
        const connections: Array<{ destroy: () => void }> = []
        for (const [n, id] of ids.entries()) {
          const path = `/do/hold?mark=${id}`
          if (n === 0 || door.address.socket === null) {
            const connection = await door.tcp()
            const headers = { "X-Invocation-Id": id }
            await connection.send(encodeRequest({ target: fn.target(path), headers }, door.url.host))
            connections.push(connection)
          } else {
            const client = await door.connect()
            client.post("INVOKE", { function_id: fn.name, url: path, headers: { "x-invocation-id": id } })
            connections.push(client)
          }
        }
        await started()
        for (const connection of connections) connection.destroy()
      })
    }
  }
}

const halfOpen: Fault = {
  name: "half-open-socket",
  what: "A client ends its own side of a socket connection, and waits for the answers to three invocations",
  promise: "it counts as gone: the invocations are cancelled, the handlers are told, the records say so",
  requirements: ["GR-055", "GR-056", "GR-057"],
  traits: ["socket", "logs"],
  play: async (stage) => {
    for (const runtime of stage.runtimes) {
      await leaving(stage, runtime, async (fn, ids, started) => {
        const client = stage.bench.keep(await fn.door.connect())
        for (const id of ids) {
          const payload = {
            function_id: fn.name,
            url: `/do/hold?mark=${id}`,
            headers: { "x-invocation-id": id }
          }
          client.post("INVOKE", payload)
        }
        await started()
        client.end()
      })
    }
  }
}

const manyConnections: Fault = {
  name: "many-connections",
  what: "Three hundred clients connect over HTTP and as many to the socket, and say nothing",
  promise: "other clients are served meanwhile, and no descriptor is kept when they are gone",
  requirements: ["GR-011", "GR-060", "GR-061"],
  traits: ["http"],
  play: async (stage) => {
    const server = await stage.server()
    const pid = server.address.pid()
    const hasSocket = server.address.socket !== null
    const fn = await server.fn({})
    await who(fn)
    const before = pid === null ? null : descriptorCount(pid)
    const idle: Array<{ destroy: () => void }> = []
    await stage.whileServing(server, async () => {
      for (let round = 0; round < 30; round += 1) {
        idle.push(...(await many(10, () => server.tcp())))
        if (hasSocket) idle.push(...(await many(10, () => server.connect())))
      }
      await pause(300)
    })
    const during = pid === null ? null : descriptorCount(pid)
    for (const connection of idle) connection.destroy()
    stage.expect("a call afterwards", await call(fn), { status: 200 })
    if (pid === null || before === null) return
    let now = 0
    await server.until(
      "their descriptors are given back (GR-011)",
      () => ((now = descriptorCount(pid)) <= before + 16 ? true : null),
      15_000
    )
    stage.saw(
      `descriptors of the server: ${before} before, ${during} with ${idle.length} clients, ${now} afterwards`
    )
    holds("no descriptor was taken for the clients", (during ?? 0) > before)
  }
}

export const clientFaults: ReadonlyArray<Fault> = [
  slowReader,
  slowSender,
  halfOpen,
  clientGone,
  manyConnections,
  garbageOnSocket,
  tornFrame,
  oversize,
  garbageOnHttp
]
