import fc from "fast-check"
import { createServer } from "node:http"
import { connect, createServer as createSocketServer, type AddressInfo } from "node:net"
import { spawnSync } from "node:child_process"
import { lstatSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Transcript } from "../../model/Transcript.ts"
import { loadRequirements } from "../../Requirements.ts"
import { exchange } from "../../server/client/HttpClient.ts"
import { encodeFrame, type Frame } from "../../server/client/Frames.ts"
import { SocketClient } from "../../server/client/SocketClient.ts"
import { freePort } from "../../server/target/ServerProcess.ts"
import { loadTable } from "../runner/table.ts"
import type { Flaw } from "./Flaw.ts"
import { flaws } from "./flaws.ts"
import { HttpProxy } from "./HttpProxy.ts"
import { SocketProxy, Splitter } from "./SocketProxy.ts"

const aFrame: fc.Arbitrary<Frame> = fc.record({
  id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  code: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
})

const cut = (bytes: Buffer, places: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
}

describe("the splitter", () => {
  it("finds the frames of a stream however it is cut, and keeps what is of none", () => {
    fc.assert(
      fc.property(
        fc.array(aFrame, { maxLength: 5 }),
        fc.constantFrom(
          Buffer.alloc(0),
          Buffer.from([0, 0, 0, 0, 1, 2]),
          encodeFrame({ id: 1n, code: 1, payloadLength: 9 })
        ),
        fc.array(fc.nat(500), { maxLength: 8 }),
        (frames, rest, places) => {
          const splitter = new Splitter()
          const stream = Buffer.concat([...frames.map(encodeFrame), rest])
          const found = cut(stream, places).flatMap((piece) => splitter.push(piece))
          expect(found.map(({ code, id, payload }) => ({ id, code, payload: Buffer.from(payload) }))).toEqual(
            frames
          )
          expect(splitter.isBroken).toBe(rest.length > 0)
          expect(splitter.takeRest()).toEqual(rest)
        }
      )
    )
  })
})

describe("broken servers", () => {
  const { signal } = new AbortController()
  let folder = ""
  let ends: Array<() => void> = []
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "broken-"))
    ends = []
  })
  afterEach(async () => {
    for (const end of ends) end()
    await rm(folder, { recursive: true, force: true })
  })

  /** A client before a proxy with this flaw, behind which each request is answered with what it was. */
  const connected = async (flaw: Flaw): Promise<SocketClient> => {
    const [hidden, path] = [join(folder, "real"), join(folder, "s")]
    const real = createSocketServer((socket) => {
      const splitter = new Splitter()
      socket.on("error", () => {})
      socket.on("data", (chunk: Buffer) => {
        for (const { code, id, payload } of splitter.push(chunk)) {
          const said = JSON.stringify({ code, text: Buffer.from(payload).toString() })
          socket.write(encodeFrame({ id, code: 0, payload: said }))
        }
      })
    })
    await new Promise<void>((resolve) => real.listen(hidden, resolve))
    const proxy = new SocketProxy(hidden, [flaw])
    await proxy.listen(path)
    const client = await SocketClient.open(path, signal, new Transcript())
    ends.push(
      () => client.destroy(),
      () => proxy.stop(),
      () => real.close()
    )
    return client
  }

  it("pass on what their flaws are not about", async () => {
    const client = await connected({})
    expect(await client.call("PING", { a: "ü" })).toMatchObject({
      id: 1n,
      payload: { code: 0x11, text: '{"a":"ü"}' }
    })
  })

  it("take over a socket that a killed one has left, and leave alone what is somebody's", async () => {
    const path = join(folder, "stale")
    const left = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`
    spawnSync(process.execPath, ["-e", left])
    expect(lstatSync(path).isSocket()).toBe(true)
    const [first, second] = [new SocketProxy("/nowhere", []), new SocketProxy("/nowhere", [])]
    ends.push(() => first.stop())
    await first.listen(path)
    await expect(second.listen(path)).rejects.toThrow("EADDRINUSE")
    const file = join(folder, "file")
    await writeFile(file, "precious")
    await expect(new SocketProxy("/nowhere", []).listen(file)).rejects.toThrow("EADDRINUSE")
    expect(await readFile(file, "utf8")).toBe("precious")
  })

  it("pass on a head that nobody changes as it came, whatever is wrong with it", async () => {
    const { promise: came, resolve } = Promise.withResolvers<string>()
    const real = createSocketServer((socket) => {
      socket.on("data", (chunk: Buffer) => {
        resolve(chunk.toString("latin1"))
        socket.destroy()
      })
    })
    await new Promise<void>((listening) => real.listen(0, "127.0.0.1", listening))
    const port = await freePort()
    const proxy = new HttpProxy((real.address() as AddressInfo).port, [])
    await proxy.listen(port)
    const client = connect({ host: "127.0.0.1", port })
    client.on("error", () => {})
    ends.push(
      () => client.destroy(),
      () => proxy.stop(),
      () => real.close()
    )
    const head = "GET / HTTP/1.1\r\nHost: x\r\nX-A: one\r\n two\r\ngarbage\r\n\r\n"
    client.write(head)
    expect(await came).toBe(head)
  })

  it("change requests and answers, and answer themselves", async () => {
    const client = await connected({
      request: (frame, link) => {
        if (frame.id === 7n) {
          link.toClient(encodeFrame({ id: 7n, code: 0, payload: '{"by":"proxy"}' }))
          return null
        }
        return { ...frame, payload: Buffer.from("changed") }
      },
      answer: (answer) => [answer, answer]
    })
    client.post("PING", {}, 7n)
    expect(await client.answer(7n)).toMatchObject({ payload: { by: "proxy" } })
    client.post("PING", {}, 8n)
    expect(await client.answer(8n)).toMatchObject({ payload: { text: "changed" } })
    expect(await client.answer(8n)).toMatchObject({ payload: { text: "changed" } })
  })

  it("see where the framing of a client breaks, and when it leaves within a frame", async () => {
    const { promise: broke, resolve } = Promise.withResolvers<string>()
    const first = await connected({
      broken: (bytes, link) => {
        resolve(bytes.toString("hex"))
        link.close()
        return null
      }
    })
    await first.send(Buffer.from([3, 0, 0, 0, 9]))
    expect(await broke).toBe("0300000009")
    await first.ended
  })

  it("change heads and documents over HTTP, with the right length", async () => {
    const real = createServer((request, response) => {
      response.writeHead(404, { "Content-Type": "application/problem+json", "X-Function-Error": "FN_006" })
      response.end(JSON.stringify({ title: "No such route", detail: request.headers["x-one"] }))
    })
    await new Promise<void>((resolve) => real.listen(0, "127.0.0.1", resolve))
    const port = await freePort()
    const withoutTitle = flaws["errors-without-titles"]
    expect(withoutTitle).toBeDefined()
    const proxy = new HttpProxy((real.address() as AddressInfo).port, [
      { httpRequest: ({ headers, line }) => ({ line, headers: [...headers, ["X-One", "added"]] }) },
      withoutTitle ?? {}
    ])
    await proxy.listen(port)
    ends.push(
      () => proxy.stop(),
      () => real.close(),
      () => real.closeAllConnections()
    )
    const response = await exchange(
      new URL(`http://127.0.0.1:${port}`),
      { target: "/" },
      signal,
      new Transcript()
    )
    expect({ status: response.status, document: response.json() }).toEqual({
      status: 404,
      document: { detail: "added" }
    })
    expect(response.header("x-function-error")).toBe("FN_006")
  })

  it("are all in the table, with flaws that there are", async () => {
    const servers = (await loadTable(await loadRequirements())).filter(({ kind }) => kind === "server")
    // some have no flaw, but flags that are none of the user's; a sound one has neither
    const flawed = servers.filter(
      ({ command, turnsRed }) => turnsRed.length > 0 && !command.includes(" -- --")
    )
    expect(flawed.map(({ name }) => name).toSorted()).toEqual(Object.keys(flaws).toSorted())
  })
})
