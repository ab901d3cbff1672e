import { runCases, type WorkerCase } from "../support/WorkerCases.ts"

const responses: ReadonlyArray<WorkerCase> = [
  {
    name: "what an empty one is",
    run: () => {
      const { status, statusText, ok, type, url, redirected, body, bodyUsed, headers } = new Response()
      return [status, statusText, ok, type, url, redirected, body, bodyUsed, [...headers]]
    },
    expected: [200, "", true, "default", "", false, null, false, []]
  },
  {
    name: "status from 200 to 599; null for the statuses without a body",
    run: async ({ threw }) => [
      await Promise.all(
        [0, 100, 199, 600, 1000, -1, Number.NaN].map((status) => threw(() => new Response(null, { status })))
      ),
      await Promise.all([204, 205, 304].map((status) => threw(() => new Response("", { status })))),
      [200, 204, 304, 599].map((status) => new Response(null, { status }).status)
    ],
    expected: [
      Array.from({ length: 7 }, () => "RangeError"),
      Array.from({ length: 3 }, () => "TypeError"),
      [200, 204, 304, 599]
    ],
    bun: {
      expected: [
        Array.from({ length: 7 }, () => "RangeError"),
        Array.from({ length: 3 }, () => "nothing"),
        [200, 204, 304, 599]
      ],
      why: "Bun drops the body"
    }
  },
  {
    name: "a statusText is bytes without line ends",
    run: async ({ threw }) => [
      new Response(null, { statusText: "Très\tbien" }).statusText,
      await Promise.all(
        ["a\nb", "a\rb", "\0", "€"].map((statusText) => threw(() => new Response(null, { statusText })))
      )
    ],
    expected: ["Très\tbien", Array.from({ length: 4 }, () => "TypeError")],
    bun: {
      expected: ["Très\tbien", Array.from({ length: 4 }, () => "nothing")],
      why: "Bun does not check it"
    }
  },
  {
    name: "redirect: a status of redirects, an address",
    run: async ({ threw }) => {
      const made = Response.redirect("http://a.example/é?q")
      return [
        made.status,
        made.headers.get("location"),
        Response.redirect("http://a.example", 308).status,
        Response.redirect("/path?q").headers.get("location"),
        await threw(() => Response.redirect("http://a.example", 200)),
        await threw(() => Response.redirect("http://:x")),
        await threw(() => (Response.redirect as unknown as () => void)())
      ]
    },
    expected: [302, "http://a.example/%C3%A9?q", 308, "/path?q", "RangeError", "TypeError", "TypeError"],
    bun: {
      expected: [302, "http://a.example/%C3%A9?q", 308, "/path?q", "RangeError", "nothing", "nothing"],
      why: "Bun takes any text"
    }
  },
  {
    name: "json: text, type, and what JSON cannot express",
    run: async ({ threw }) => {
      const made = Response.json({ a: [1, null] }, { status: 201, headers: { "x-a": "1" } })
      return [
        made.status,
        [...made.headers],
        await made.text(),
        Response.json(1, { headers: { "content-type": "a/b" } }).headers.get("content-type"),
        await threw(() => Response.json(undefined)),
        await threw(() => Response.json(Symbol("s"))),
        await threw(() => Response.json({}, { status: 204 }))
      ]
    },
    expected: [
      201,
      [
        ["content-type", "application/json"],
        ["x-a", "1"]
      ],
      '{"a":[1,null]}',
      "a/b",
      "TypeError",
      "TypeError",
      "TypeError"
    ],
    bun: {
      expected: [
        201,
        [
          ["content-type", "application/json;charset=utf-8"],
          ["x-a", "1"]
        ],
        '{"a":[1,null]}',
        "a/b",
        "TypeError",
        "TypeError",
        "nothing"
      ],
      why: "Bun names the charset, and drops the body that a status cannot have"
    }
  },
  {
    name: "error",
    run: () => [Response.error().type, Response.error().status, Response.error().body],
    expected: ["error", 0, null]
  },
  {
    name: "content types of bodies",
    run: () =>
      [
        "text",
        new URLSearchParams("a=1"),
        new Blob(["x"], { type: "Text/X" }),
        new Blob(["x"]),
        new Uint8Array(1),
        new ArrayBuffer(1),
        new ReadableStream()
      ].map((body) => new Response(body).headers.get("content-type")),
    expected: [
      "text/plain;charset=UTF-8",
      "application/x-www-form-urlencoded;charset=UTF-8",
      "text/x",
      null,
      null,
      null,
      null
    ]
  }
]

const bodies: ReadonlyArray<WorkerCase> = [
  {
    name: "each way of reading",
    run: async () => {
      const made = (): Response => new Response('{"é":1}', { headers: { "content-type": "Text/X;a=b" } })
      const blob = await made().blob()
      return [
        await made().text(),
        await made().json(),
        (await made().arrayBuffer()).byteLength,
        (await made().bytes()).length,
        blob.size,
        blob.type
      ]
    },
    expected: ['{"é":1}', { é: 1 }, 8, 8, 8, "text/x;a=b"],
    bun: { expected: ['{"é":1}', { é: 1 }, 8, 8, 8, "Text/X;a=b"], why: "Bun keeps the type's case" }
  },
  {
    name: "a byte order mark is no part of the text",
    run: () => {
      const made = (): Response => new Response("\uFEFF[1]")
      return Promise.all([
        made().text(),
        made()
          .json()
          .catch((error: Error) => error.name),
        made()
          .bytes()
          .then((bytes) => bytes.length)
      ])
    },
    expected: ["[1]", [1], 6],
    bun: { expected: ["\uFEFF[1]", "SyntaxError", 6], why: "Bun leaves it in bodies that were strings" }
  },
  {
    name: "once only, and marked from the start of reading",
    run: async ({ threw }) => {
      const response = new Response("x")
      const reading = response.text()
      const used = response.bodyUsed
      return [
        used,
        await reading,
        await threw(() => response.text()),
        await threw(() => response.clone()),
        await threw(() => response.body?.getReader())
      ]
    },
    expected: [true, "x", "TypeError", "TypeError", "TypeError"]
  },
  {
    name: "an absent body can be read again and again",
    run: async () => {
      const response = new Response()
      return [
        await response.text(),
        await response.text(),
        response.bodyUsed,
        (await response.bytes()).length
      ]
    },
    expected: ["", "", false, 0]
  },
  {
    name: "a locked or disturbed stream cannot be read, nor given",
    run: async ({ threw }) => {
      const locked = new Response("x")
      const reader = locked.body?.getReader()
      const first = await threw(() => locked.text())
      await reader?.read()
      reader?.releaseLock()
      const stream = new ReadableStream()
      stream.getReader()
      return [
        first,
        locked.bodyUsed,
        await threw(() => locked.text()),
        await threw(() => new Response(stream))
      ]
    },
    expected: ["TypeError", true, "TypeError", "TypeError"]
  },
  {
    name: "streams of bytes; chunks of anything else fail",
    run: async ({ threw }) => {
      const of = (...chunks: ReadonlyArray<unknown>): ReadableStream =>
        new ReadableStream({
          start(controller) {
            for (const chunk of chunks) controller.enqueue(chunk)
            controller.close()
          }
        })
      return [
        await new Response(of(new Uint8Array([104]), new Uint8Array([105]))).text(),
        await threw(() => new Response(of("text")).text()),
        await threw(() => new Response(of(1)).text())
      ]
    },
    expected: ["hi", "TypeError", "TypeError"],
    bun: { expected: ["hi", "nothing", "TypeError"], why: "Bun takes strings as UTF-8" }
  },
  {
    name: "an async iterable is a body",
    run: () =>
      new Response(
        (async function* () {
          yield "a"
          yield new Uint8Array([98])
        })() as never
      ).text(),
    expected: "ab"
  },
  {
    name: "a failing stream fails the reading with its own error",
    run: async () => {
      const stream = new ReadableStream({
        pull(controller) {
          controller.error(new RangeError("mine"))
        }
      })
      try {
        await new Response(stream).text()
        return null
      } catch (error) {
        return String(error)
      }
    },
    expected: "RangeError: mine"
  },
  {
    name: "clones are read apart, also of streams",
    run: async () => {
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array([97]))
          controller.enqueue(new Uint8Array([98]))
          controller.close()
        }
      })
      const results: Array<unknown> = []
      for (const body of ["ab", stream]) {
        const response = new Response(body, { status: 201, headers: { a: "1" } })
        const copy = response.clone()
        copy.headers.set("a", "2")
        results.push([
          await copy.text(),
          response.bodyUsed,
          await response.text(),
          copy.status,
          response.headers.get("a")
        ])
      }
      return results
    },
    expected: [
      ["ab", false, "ab", 201, "1"],
      ["ab", false, "ab", 201, "1"]
    ]
  },
  {
    name: "what was given is copied, what is got is the caller's",
    run: async () => {
      const given = new Uint8Array([1, 2, 3])
      const response = new Response(given)
      given[0] = 9
      const copy = response.clone()
      const got = await response.bytes()
      got[1] = 9
      return [[...got], [...(await copy.bytes())]]
    },
    expected: [
      [1, 9, 3],
      [1, 2, 3]
    ]
  },
  {
    name: "body can be iterated",
    run: async () => {
      let text = ""
      const decoder = new TextDecoder()
      for await (const chunk of new Response("héllo").body ?? [])
        text += decoder.decode(chunk, { stream: true })
      return text
    },
    expected: "héllo"
  },
  {
    name: "body is a byte stream: it can be read into a buffer",
    run: async () => {
      try {
        const reader = new Response("abc").body?.getReader({ mode: "byob" })
        const first = await reader?.read(new Uint8Array(2))
        const second = await reader?.read(new Uint8Array(2))
        const last = await reader?.read(new Uint8Array(2))
        return [[...(first?.value ?? [])], [...(second?.value ?? [])], last?.done]
      } catch (error) {
        return (error as Error).name
      }
    },
    expected: [[97, 98], [99], true],
    bun: { expected: "TypeError", why: "Bun's bodies are default streams" }
  },
  {
    name: "malformed JSON is a SyntaxError, malformed UTF-8 is replaced",
    run: async ({ threw }) => [
      await threw(() => new Response("{").json()),
      await threw(() => new Response("").json()),
      await new Response(new Uint8Array([0x61, 0xff, 0xe2, 0x82])).text()
    ],
    expected: ["SyntaxError", "SyntaxError", "a\ufffd\ufffd"]
  },
  {
    name: "an illegal receiver is told",
    run: async ({ threw }) => [
      await threw(() => Reflect.apply(Response.prototype.text, {}, [])),
      await threw(() => Reflect.get(Response.prototype, "status", {})),
      await threw(() => Reflect.apply(Headers.prototype.get, new Map(), ["a"]))
    ],
    expected: ["TypeError", "TypeError", "TypeError"]
  }
]

runCases("Response", responses)
runCases("bodies", bodies)
