import { describe, expect, it, onTestFinished } from "vitest"
import { nativeRuntime, WorkerUnderTest } from "../support/WorkerCases.ts"

const start = async (handler: string): Promise<WorkerUnderTest> => {
  const worker = await WorkerUnderTest.start("quickjs-ng", `export default ${handler}`)
  onTestFinished(() => worker.stop())
  return worker
}

it("a worker with a network of its own makes no host calls", async () => {
  const worker = await WorkerUnderTest.start("bun", `export default () => fetch("data:,inside")`)
  onTestFinished(() => worker.stop())
  worker.onCall = () => {
    throw new Error("was called")
  }
  const { payload } = await worker.invoke("/")
  expect(payload["body"]).toBe(base64("inside"))
})

const base64 = (text: string): string => Buffer.from(text).toString("base64")

/** What `fetch` rejects with, as the handler sees it. */
const REPORT = `async (request) => {
  try {
    const response = await fetch("http://up.example/")
    return Response.json({ status: response.status, text: await response.text() })
  } catch (error) {
    return Response.json({
      name: error.name, message: error.message, code: error.code, kind: Object.prototype.toString.call(error)
    })
  }
}`

describe.each(nativeRuntime)("fetch as a call of the host on %s", () => {
  it("rejects with an error that has the place of the call", async () => {
    const worker = await start(`async () => {
  const inner = async () => {
    await fetch("http://up.example/")
  }
  await inner()
}`)
    worker.onCall = () => ({ ok: false, error: { name: "TypeError", message: "nobody listens" } })
    const { type, payload } = await worker.invoke("/")
    expect([type, payload["message"]]).toEqual(["error", "nobody listens"])
    expect(payload["stack"]).toMatch(
      /^TypeError: nobody listens\n    at inner \(.*:3:\d+\)\n    at default \(.*:5:\d+\)$/
    )
  })

  it("sends method, address, headers and body; the connection's own headers stay out", async () => {
    const worker = await start(`async () => {
      const response = await fetch(new Request("http://up.example/a?b#c", {
        method: "post",
        redirect: "manual",
        headers: [["x-a", "1"], ["cookie", "c=1"], ["connection", "close"], ["te", "x"], ["content-length", "9"]],
        body: new Blob(["h\\u00e9"], { type: "t/u" })
      }))
      return Response.json({
        status: response.status, statusText: response.statusText, ok: response.ok, url: response.url,
        type: response.type, redirected: response.redirected, headers: [...response.headers],
        text: await response.text()
      })
    }`)
    const answer = worker.json("/")
    const call = await worker.nextCall()
    expect(call).toEqual({
      id: "case-1",
      type: "call",
      payload: {
        call_id: expect.any(String),
        name: "fetch",
        request: {
          url: "http://up.example/a?b",
          method: "POST",
          headers: { accept: "*/*", "content-type": "t/u", cookie: "c=1", "x-a": "1" },
          body: base64("hé"),
          redirect: "manual"
        }
      }
    })
    worker.result(call, {
      ok: true,
      response: {
        status: 207,
        status_text: "Many",
        url: "http://up.example/z",
        redirected: true,
        headers: { "x-b": "2", "set-cookie": ["a=1", "b=2"] },
        body: base64("answer")
      }
    })
    expect(await answer).toEqual({
      status: 207,
      statusText: "Many",
      ok: true,
      url: "http://up.example/z",
      type: "cors",
      redirected: true,
      headers: [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
        ["x-b", "2"]
      ],
      text: "answer"
    })
  })

  it("rejects what no line could carry, and makes no call", async () => {
    const worker = await start(`async (request) => {
      const send = (body, headers) =>
        fetch("http://up.example/", { method: "POST", body, headers }).then(
          async (response) => (await response.text()).length,
          (error) => error.name + ": " + error.message
        )
      return Response.json([
        await send(new Uint8Array(48 * 1024 * 1024)),
        await send(new Uint8Array(47 * 1024 * 1024), { "x-large": "\\u00e9".repeat(700_000) }),
        await send("small")
      ])
    }`)
    const sizes: Array<number | undefined> = []
    worker.onCall = ({ payload }) => {
      sizes.push(payload.request?.body.length)
      return { ok: true, response: { status: 200, headers: {}, body: "" } }
    }
    const refused = "TypeError: fetch: the request's body and headers are more than a call can carry"
    expect(await worker.json("/")).toEqual([refused, refused, 0])
    expect(sizes).toEqual([8])
  })

  it("reads a streamed body to its end before it calls", async () => {
    const worker = await start(`async (request) => {
      const body = request.body.pipeThrough(new TransformStream())
      return fetch("http://up.example/", { method: "PUT", body, duplex: "half" })
    }`)
    worker.onCall = ({ payload }) => ({
      ok: true,
      response: { status: 200, headers: {}, body: payload.request?.body }
    })
    const { payload } = await worker.invoke("/", { method: "POST", body: "streamed" })
    expect(payload).toMatchObject({ status: 200, body: base64("streamed") })
  })

  it("rejects as the host says: with a code where it was not allowed", async () => {
    const worker = await start(REPORT)
    worker.onCall = () => ({
      ok: false,
      error: { name: "TypeError", message: "up.example is not allowed", code: "PERMISSION_DENIED" }
    })
    expect(await worker.json("/")).toEqual({
      name: "TypeError",
      message: "up.example is not allowed",
      code: "PERMISSION_DENIED",
      kind: "[object Error]"
    })
  })

  it("rejects with DOMExceptions for time-outs and aborts of the host", async () => {
    const worker = await start(REPORT)
    worker.onCall = () => ({ ok: false, error: { name: "TimeoutError", message: "too slow" } })
    expect(await worker.json("/")).toMatchObject({ name: "TimeoutError", kind: "[object DOMException]" })
  })

  it.each([
    ["nothing", { ok: true }],
    ["a status of none", { ok: true, response: { status: 99 } }],
    ["no status", { ok: true, response: {} }],
    ["an error without words", { ok: false }],
    ["an error of another kind", { ok: false, error: { name: "Evil", message: "no" } }]
  ])("an answer that is %s is a TypeError", async (_what, result) => {
    const worker = await start(REPORT)
    worker.onCall = () => result
    expect(await worker.json("/")).toMatchObject({ name: "TypeError" })
  })

  it("tells the host when the caller's signal fires, and ignores an answer after that", async () => {
    const worker = await start(`async (request) => {
      if (new URL(request.url).pathname === "/stop") {
        globalThis.controller.abort(new RangeError("mine"))
        return new Response("")
      }
      globalThis.controller = new AbortController()
      return fetch("http://up.example/", { signal: globalThis.controller.signal })
        .then(() => new Response("?"), (error) => Response.json([error.name, error.message]))
    }`)
    const answer = worker.json("/")
    const call = await worker.nextCall()
    await worker.invoke("/stop")
    expect(await answer).toEqual(["RangeError", "mine"])
    const abort = await worker.nextCall()
    expect(abort.payload).toEqual({ call_id: call.payload.call_id, name: "abort" })
    expect(abort.id).toBe(call.id)
    // nobody waits for it any more
    worker.result(call, { ok: true, response: { status: 200 } })
    expect((await worker.invoke("/stop")).type).toBe("response")
  })

  it("a signal that fires while the body is read makes no call, and cancels the body", async () => {
    const worker = await start(`async () => {
      const controller = new AbortController()
      let cancelled
      let chunks = 0
      const body = new ReadableStream({
        pull(stream) {
          chunks += 1
          if (chunks === 2) controller.abort("why")
          stream.enqueue(new Uint8Array(1))
          if (chunks === 4) stream.close()
        },
        cancel(reason) {
          cancelled = reason
        }
      })
      const first = await fetch("http://up.example/first", {
        method: "POST", body, duplex: "half", signal: controller.signal
      }).catch((reason) => reason)
      const second = await fetch("http://up.example/second")
      return Response.json([first, cancelled, await second.text()])
    }`)
    const asked: Array<string | undefined> = []
    worker.onCall = ({ payload }) => {
      asked.push(payload.request?.url)
      return { ok: true, response: { status: 200, body: base64("second") } }
    }
    expect(await worker.json("/")).toEqual(["why", "why", "second"])
    expect(asked).toEqual(["http://up.example/second"])
  })

  it("a signal that fired before makes no call", async () => {
    const worker = await start(`async () => {
      try {
        await fetch("http://up.example/", { signal: AbortSignal.abort() })
      } catch (error) {
        return new Response(error.name)
      }
    }`)
    worker.onCall = () => {
      throw new Error("was called")
    }
    const { payload } = await worker.invoke("/")
    expect(payload["body"]).toBe(base64("AbortError"))
  })

  it("answers that cross reach whom they belong to", async () => {
    const worker = await start(`async (request) => {
      const path = new URL(request.url).pathname
      const response = await fetch("http://up.example" + path)
      return Response.json([path, await response.text()])
    }`)
    const first = worker.json("/first")
    const callOfFirst = await worker.nextCall()
    const second = worker.json("/second")
    const callOfSecond = await worker.nextCall()
    for (const call of [callOfSecond, callOfFirst]) {
      worker.result(call, {
        ok: true,
        response: { status: 200, body: base64(call.payload.request?.url ?? "") }
      })
    }
    expect([await first, await second]).toEqual([
      ["/first", "http://up.example/first"],
      ["/second", "http://up.example/second"]
    ])
    expect([callOfFirst.id, callOfSecond.id]).toEqual(["case-1", "case-2"])
  })

  it("data: and blob: URLs are answered inside, other schemes refused", async () => {
    const worker = await start(`async () => {
      const show = async (url) => {
        try {
          const response = await fetch(url)
          return [response.status, response.headers.get("content-type"), await response.text()]
        } catch (error) {
          return error.name
        }
      }
      const url = URL.createObjectURL(new Blob(["blob"], { type: "b/l" }))
      const results = [
        await show("data:,a%20b%zz#c"),
        await show("data:text/html;charset=utf-8;base64, aGk= "),
        await show("data:;base64,aGl="),
        await show("data:text/html;base64,a"),
        await show("data:no-comma"),
        await show(url)
      ]
      URL.revokeObjectURL(url)
      return Response.json([...results, await show(url), await show("file:///x"), await show("ftp://a.example")])
    }`)
    expect(await worker.json("/")).toEqual([
      [200, "text/plain;charset=US-ASCII", "a b%zz"],
      [200, "text/html;charset=utf-8", "hi"],
      [200, "text/plain;charset=US-ASCII", "hi"],
      "TypeError",
      "TypeError",
      [200, "b/l", "blob"],
      "TypeError",
      "TypeError",
      "TypeError"
    ])
  })
})
