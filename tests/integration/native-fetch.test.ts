import { runCases, type WorkerCase } from "../support/WorkerCases.ts"

const headers: ReadonlyArray<WorkerCase> = [
  {
    name: "names are lower case, sorted and combined; cookies stay apart",
    run: () => [
      ...new Headers([
        ["b", "1"],
        ["A", "2"],
        ["a", "3"],
        ["Set-Cookie", "x=1"],
        ["set-cookie", "y=2"]
      ])
    ],
    expected: [
      ["a", "2, 3"],
      ["b", "1"],
      ["set-cookie", "x=1"],
      ["set-cookie", "y=2"]
    ]
  },
  {
    name: "values are trimmed of HTTP white space only",
    run: () =>
      ["\t a b \r\n", "\u00a0x\u00a0", "\x0bx", ""].map((value) => new Headers({ v: value }).get("v")),
    expected: ["a b", "\u00a0x\u00a0", "\x0bx", ""]
  },
  {
    name: "names and values that cannot be sent are refused",
    run: ({ threw }) =>
      Promise.all([
        threw(() => new Headers({ "a b": "1" })),
        threw(() => new Headers({ "": "1" })),
        threw(() => new Headers({ "a:": "1" })),
        threw(() => new Headers({ ä: "1" })),
        threw(() => new Headers({ a: "x\0y" })),
        threw(() => new Headers({ a: "x\ny" })),
        threw(() => new Headers({ a: "€" })),
        threw(() => new Headers([["a"]] as never)),
        threw(() => new Headers("a" as never)),
        threw(() => new Headers(null as never)),
        threw(() => new Headers({ a: Symbol("s") } as never)),
        threw(() => new Headers().get("a b")),
        threw(() => (new Headers().append as (name: string) => void)("a"))
      ]),
    expected: Array.from({ length: 13 }, () => "TypeError")
  },
  {
    name: "set replaces all of a name, in the first's place; delete and has see all",
    run: () => {
      const held = new Headers([
        ["a", "1"],
        ["b", "2"],
        ["a", "3"]
      ])
      held.set("A", "4")
      const before = [...held]
      held.delete("a")
      return [before, held.has("a"), held.get("a"), [...held.keys()], [...held.values()]]
    },
    expected: [
      [
        ["a", "4"],
        ["b", "2"]
      ],
      false,
      null,
      ["b"],
      ["2"]
    ]
  },
  {
    name: "iteration sees what changes meanwhile",
    run: () => {
      const held = new Headers({ a: "1", c: "3" })
      const seen: Array<string> = []
      for (const [name] of held) {
        seen.push(name)
        if (name === "a") held.set("b", "2")
      }
      return seen
    },
    expected: ["a", "b", "c"]
  },
  {
    name: "getSetCookie gives each cookie",
    run: () => {
      const held = new Headers({ "set-cookie": "a=1, b=2" })
      held.append("Set-Cookie", "c=3")
      return [held.getSetCookie(), held.get("set-cookie")]
    },
    expected: [["a=1, b=2", "c=3"], "a=1, b=2, c=3"]
  },
  {
    name: "headers of a redirect cannot be changed",
    run: ({ threw }) =>
      Promise.all([
        threw(() => Response.redirect("http://a.example/").headers.set("a", "1")),
        threw(() => Response.error().headers.append("a", "1"))
      ]),
    expected: ["TypeError", "TypeError"],
    bun: { expected: ["nothing", "nothing"], why: "Bun has no immutable headers" }
  }
]

const requests: ReadonlyArray<WorkerCase> = [
  {
    name: "methods: six are normalised, three are forbidden, any other token stays",
    run: async ({ threw }) => [
      ["get", "pOsT", "delete", "options", "put", "head"].map(
        (method) => new Request("http://a.example", { method }).method
      ),
      ["patch", "QUERY", "x-Y"].map((method) => new Request("http://a.example", { method }).method),
      await Promise.all(
        ["CONNECT", "trace", "Track", "a b", "", "é"].map((method) =>
          threw(() => new Request("http://a.example", { method }))
        )
      )
    ],
    expected: [
      ["GET", "POST", "DELETE", "OPTIONS", "PUT", "HEAD"],
      ["patch", "QUERY", "x-Y"],
      Array.from({ length: 6 }, () => "TypeError")
    ],
    bun: {
      expected: [
        ["GET", "POST", "DELETE", "OPTIONS", "PUT", "HEAD"].map((method) =>
          method === "POST" ? "GET" : method
        ),
        ["PATCH", "QUERY", "GET"],
        Array.from({ length: 6 }, () => "nothing")
      ],
      why: "Bun knows a list of methods, in upper or lower case, and makes GET of any other"
    }
  },
  {
    name: "what an empty init leaves",
    run: () => {
      const request = new Request("http://a.example/p?q#f")
      const { method, url, body, bodyUsed, mode, credentials, cache, redirect, referrer } = request
      return {
        method,
        url,
        body,
        bodyUsed,
        mode,
        credentials,
        cache,
        redirect,
        referrer,
        referrerPolicy: request.referrerPolicy,
        integrity: request.integrity,
        keepalive: request.keepalive,
        destination: request.destination,
        aborted: request.signal.aborted
      }
    },
    expected: {
      method: "GET",
      url: "http://a.example/p?q#f",
      body: null,
      bodyUsed: false,
      mode: "cors",
      credentials: "same-origin",
      cache: "default",
      redirect: "follow",
      referrer: "about:client",
      referrerPolicy: "",
      integrity: "",
      keepalive: false,
      destination: "",
      aborted: false
    },
    bun: {
      expected: {
        method: "GET",
        url: "http://a.example/p?q#f",
        body: null,
        bodyUsed: false,
        mode: "cors",
        credentials: "include",
        cache: "default",
        redirect: "follow",
        referrer: "",
        referrerPolicy: "",
        integrity: "",
        destination: "",
        aborted: false
      },
      why: "Bun keeps no keepalive, and has other constants for what a server does not use"
    }
  },
  {
    name: "members of init are taken and kept by a copy",
    run: () => {
      const first = new Request("http://a.example", {
        method: "POST",
        mode: "same-origin",
        credentials: "omit",
        cache: "no-store",
        redirect: "manual",
        integrity: "sha256-x",
        keepalive: true,
        referrerPolicy: "origin",
        headers: { a: "1" }
      })
      const { method, mode, credentials, cache, redirect, integrity, keepalive } = new Request(first)
      return [method, mode, credentials, cache, redirect, integrity, keepalive, first.referrerPolicy]
    },
    expected: ["POST", "same-origin", "omit", "no-store", "manual", "sha256-x", true, "origin"],
    bun: {
      expected: ["POST", "same-origin", "include", "no-store", "manual", "", null, ""],
      why: "Bun keeps neither credentials, integrity, keepalive nor referrerPolicy"
    }
  },
  {
    name: "init that contradicts the standard is refused",
    run: ({ threw }) =>
      Promise.all(
        (
          [
            ["/relative", {}],
            ["http://", {}],
            ["http://user:secret@a.example", {}],
            ["http://a.example", { body: "x" }],
            ["http://a.example", { method: "HEAD", body: "x" }],
            ["http://a.example", { mode: "navigate" }],
            ["http://a.example", { mode: "cosr" }],
            ["http://a.example", { cache: "only-if-cached" }],
            ["http://a.example", { redirect: "folow" }],
            ["http://a.example", { referrer: "http://" }],
            ["http://a.example", { window: "x" }],
            ["http://a.example", { signal: {} }],
            ["http://a.example", { method: "POST", body: new ReadableStream() }],
            ["http://a.example", { duplex: "full" }],
            ["http://a.example", { mode: "no-cors", method: "PUT" }]
          ] as ReadonlyArray<readonly [string, RequestInit]>
        ).map(([url, init]) => threw(() => new Request(url, init)))
      ),
    expected: Array.from({ length: 15 }, () => "TypeError"),
    bun: {
      expected: [
        "TypeError",
        "TypeError",
        "nothing",
        "nothing",
        "nothing",
        "nothing",
        "TypeError",
        "nothing",
        "TypeError",
        "nothing",
        "nothing",
        "TypeError",
        "nothing",
        "nothing",
        "nothing"
      ],
      why: "Bun checks less"
    }
  },
  {
    name: "a signal is followed, by clones too",
    run: () => {
      const controller = new AbortController()
      const request = new Request("http://a.example", { signal: controller.signal })
      const copies = [request, request.clone(), new Request(request)]
      controller.abort("why")
      return copies.map(({ signal }) => [signal.aborted, signal.reason, signal === controller.signal])
    },
    expected: [
      [true, "why", false],
      [true, "why", false],
      [true, "why", false]
    ],
    bun: {
      expected: [
        [true, "why", true],
        [true, "why", true],
        [true, "why", true]
      ],
      why: "Bun hands the signal itself on"
    }
  },
  {
    name: "a body moves to the request made of its request",
    run: async ({ threw }) => {
      const first = new Request("http://a.example", { method: "POST", body: "text" })
      const second = new Request(first, { headers: { a: "1" } })
      return [first.bodyUsed, second.bodyUsed, await second.text(), await threw(() => new Request(first))]
    },
    expected: [true, false, "text", "TypeError"],
    bun: {
      expected: [false, false, "text", "nothing"],
      why: "Bun copies a body that is in memory"
    }
  },
  {
    name: "headers that a server needs can be given: cookies, hosts, origins",
    run: () => {
      const given = { cookie: "a=1", host: "b.example", origin: "http://c.example", "content-length": "3" }
      return [...new Request("http://a.example", { headers: given }).headers]
    },
    expected: [
      ["content-length", "3"],
      ["cookie", "a=1"],
      ["host", "b.example"],
      ["origin", "http://c.example"]
    ]
  },
  {
    name: "mode no-cors lets simple headers through only",
    run: () => [
      ...new Request("http://a.example", {
        mode: "no-cors",
        method: "POST",
        headers: { accept: "a/b", "content-type": "text/plain", "x-own": "1", range: "bytes=0-1" }
      }).headers
    ],
    expected: [
      ["accept", "a/b"],
      ["content-type", "text/plain"]
    ],
    bun: {
      expected: [
        ["accept", "a/b"],
        ["content-type", "text/plain"],
        ["range", "bytes=0-1"],
        ["x-own", "1"]
      ],
      why: "Bun does not look at the mode"
    }
  }
]

const wire: ReadonlyArray<WorkerCase> = [
  {
    name: "an invocation's method, path, query and headers",
    call: {
      method: "PUT",
      headers: { host: "shop.example:8080", "x-a": ["1", "2"], cookie: "c=1" },
      body: "x"
    },
    run: ({ request }) => [
      request.method,
      request.url.replace(/\d+$/, "N"),
      request.headers.get("x-a"),
      request.headers.get("cookie"),
      request.headers.has("x-invocation-id")
    ],
    expected: ["PUT", "http://shop.example:8080/N", "1, 2", "c=1", true]
  },
  {
    name: "its headers can be changed, and its body be read once",
    call: { method: "POST", body: '{"a":[1]}' },
    run: async ({ request, threw }) => {
      request.headers.set("x-own", "1")
      const copy = request.clone()
      return [
        request.bodyUsed,
        await request.json(),
        request.bodyUsed,
        await threw(() => request.text()),
        await copy.text(),
        request.headers.get("x-own")
      ]
    },
    expected: [false, { a: [1] }, true, "TypeError", '{"a":[1]}', "1"]
  },
  {
    name: "a GET has no body, whatever came",
    call: { body: "x" },
    run: async ({ request }) => [request.body, await request.text(), request.bodyUsed],
    expected: [null, "", false]
  },
  {
    name: "binary bodies come as they are",
    call: { method: "POST", body: new Uint8Array([0, 255, 128, 10, 13]) },
    run: async ({ request }) => [...new Uint8Array(await request.arrayBuffer())],
    expected: [0, 255, 128, 10, 13]
  }
]

runCases("Headers", headers)
runCases("Request", requests)
runCases("the request of an invocation", wire)
