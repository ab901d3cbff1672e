import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { nativeRuntime, runCases, type WorkerCase, WorkerUnderTest } from "../support/WorkerCases.ts"

const forms: ReadonlyArray<WorkerCase> = [
  {
    name: "entries: appended, set, deleted, asked for",
    run: () => {
      const form = new FormData()
      form.append("a", "1")
      form.append("b", "2")
      form.append("a", "3")
      form.set("a", "4")
      form.append("c", 5 as never)
      form.delete("b")
      return [
        [...form.entries()],
        form.get("a"),
        form.getAll("a"),
        form.get("x"),
        form.has("c"),
        [...form.keys()]
      ]
    },
    expected: [
      [
        ["a", "4"],
        ["c", "5"]
      ],
      "4",
      ["4"],
      null,
      true,
      ["a", "c"]
    ]
  },
  {
    name: "Blobs become Files, with the name that was given",
    run: () => {
      const form = new FormData()
      form.append("a", new Blob(["x"], { type: "t/u" }))
      form.append("b", new Blob(["x"]), "named")
      form.append("c", new File(["x"], "own", { lastModified: 7 }))
      form.append("d", new File(["x"], "own", { lastModified: 7 }), "other")
      return [...form.values()].map((value) => {
        const file = value as unknown as File
        return [file instanceof File, file.name, file.type, file.size]
      })
    },
    expected: [
      [true, "blob", "t/u", 1],
      [true, "named", "", 1],
      [true, "own", "", 1],
      [true, "other", "", 1]
    ],
    bun: {
      expected: [
        [true, null, "t/u", 1],
        [true, "named", "", 1],
        [true, "own", "", 1],
        [true, "own", "", 1]
      ],
      why: "Bun gives no name by itself, and keeps a File's own"
    }
  },
  {
    name: "a name for what is no Blob is refused",
    run: ({ threw }) =>
      Promise.all([
        threw(() => new FormData().append("a", "x" as never, "name")),
        threw(() => (new FormData().append as (name: string) => void)("a")),
        threw(() => Reflect.construct(FormData, [{}]))
      ]),
    expected: ["TypeError", "TypeError", "TypeError"],
    bun: { expected: ["TypeError", "TypeError", "nothing"], why: "Bun does not look at the argument" }
  },
  {
    name: "urlencoded bodies",
    call: {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "a=1&a=2&b=%C3%A9+x&=empty&c&d=a%3Db&e=%zz"
    },
    run: async ({ request }) => [...(await request.formData())],
    expected: [
      ["a", "1"],
      ["a", "2"],
      ["b", "é x"],
      ["", "empty"],
      ["c", ""],
      ["d", "a=b"],
      ["e", "%zz"]
    ]
  },
  {
    name: "multipart bodies as browsers and curl send them",
    call: {
      method: "POST",
      headers: { "content-type": 'Multipart/Form-Data; boundary="b 1"' },
      body: [
        "--b 1",
        'Content-Disposition: form-data; name="a"',
        "",
        "one",
        "line",
        "--b 1",
        'content-disposition: form-data; name="f"; filename="na%22me é.txt"',
        "Content-Type: Text/Plain",
        "",
        "--b",
        "--b 1",
        'Content-Disposition: form-data; name="g"; filename=""',
        "",
        "",
        "--b 1--",
        ""
      ].join("\r\n")
    },
    run: async ({ request }) =>
      Promise.all(
        [...(await request.formData())].map(async ([name, value]) =>
          typeof value === "string" ? [name, value] : [name, value.name, value.type, await value.text()]
        )
      ),
    expected: [
      ["a", "one\r\nline"],
      ["f", 'na"me é.txt', "text/plain", "--b"],
      ["g", "", "text/plain", ""]
    ],
    bun: {
      expected: [
        ["a", "one\r\nline"],
        ["f", "na%22me é.txt", "text/plain;charset=utf-8", "--b"],
        ["g", null, "", ""]
      ],
      why: "Bun does not undo the escaping of names, and takes types for its own"
    }
  },
  {
    name: "what is no form is a TypeError",
    run: ({ threw }) => {
      const multipart = "multipart/form-data; boundary=b"
      return Promise.all(
        (
          [
            ["text/plain", "x"],
            ["multipart/form-data", "--b--"],
            [multipart, ""],
            [multipart, "x"],
            [multipart, "--b\r\n"],
            [multipart, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx"],
            [multipart, "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"],
            [multipart, "--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--"],
            [multipart, "--b\r\nnonsense\r\n\r\nx\r\n--b--"]
          ] as const
        ).map(([type, body]) =>
          threw(() => new Response(body, { headers: { "content-type": type } }).formData())
        )
      )
    },
    expected: Array.from({ length: 9 }, () => "TypeError"),
    bun: {
      expected: [...Array.from({ length: 6 }, () => "TypeError"), "nothing", "nothing", "TypeError"],
      why: "Bun leaves out parts that it cannot place"
    }
  },
  {
    name: "line ends of names and values are sent as CRLF, quotes escaped, files as they are",
    run: async () => {
      const form = new FormData()
      form.append('a"\n', "x\ny\rz\r\n")
      form.append("f", new File(["x\ny"], "n\nm", { type: "t/u" }))
      const response = new Response(form)
      const type = response.headers.get("content-type") ?? ""
      const boundary = type.slice("multipart/form-data; boundary=".length)
      return (await response.text()).replaceAll(boundary, "B").split("\r\n")
    },
    expected: [
      "--B",
      'Content-Disposition: form-data; name="a%22%0D%0A"',
      "",
      "x",
      "y",
      "z",
      "",
      "--B",
      'Content-Disposition: form-data; name="f"; filename="n%0Am"',
      "Content-Type: t/u",
      "",
      "x\ny",
      "--B--",
      ""
    ]
  }
]

runCases("FormData", forms)

/** Sends back the form that it got, as it would send it itself, and what it saw in it. */
const mirror = `
export default async (request) => {
  const form = await request.formData()
  if (new URL(request.url).pathname === "/form") return new Response(form)
  const seen = []
  for (const [name, value] of form) {
    if (typeof value === "string") seen.push([name, value])
    else seen.push([name, value.name, value.type, [...new Uint8Array(await value.arrayBuffer())]])
  }
  return Response.json(seen)
}
`

describe.each(nativeRuntime)("multipart forms of any content on %s", (runtime) => {
  let worker: WorkerUnderTest
  beforeAll(async () => {
    worker = await WorkerUnderTest.start(runtime, mirror)
  })
  afterAll(() => worker.stop())

  // the encoding makes no difference between these and the characters that they stand for
  const name = fc
    .string({ unit: "binary" })
    .map((text) => text.toWellFormed())
    // Bun cannot read a NUL that it wrote
    .filter((text) => !/%0A|%0D|%22/i.test(text) && !text.includes("\0"))
  const entry = fc.oneof(
    fc.record({ name, text: name }),
    fc.record({ name, filename: name, bytes: fc.uint8Array({ maxLength: 64 }) })
  )
  const lines = (text: string): string => text.replace(/\r\n|\r|\n/g, "\r\n")

  it("come as Bun encodes them, and go back so that Bun reads the same", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 6 }), async (entries) => {
        const form = new FormData()
        for (const one of entries) {
          if ("text" in one) form.append(one.name, lines(one.text))
          else form.append(one.name, new File([one.bytes], one.filename, { type: "a/b" }))
        }
        const sent = new Response(form)
        const type = sent.headers.get("content-type") as string
        const call = { method: "POST", headers: { "content-type": type }, body: await sent.bytes() }
        const expected = entries.map((one) =>
          "text" in one
            ? [lines(one.name), lines(one.text)]
            : [lines(one.name), one.filename, "a/b", [...one.bytes]]
        )
        expect(await worker.json("/seen", call)).toEqual(expected)

        const { payload } = await worker.invoke("/form", call)
        const back = {
          method: "POST",
          headers: payload["headers"] as Record<string, string>,
          body: Buffer.from(payload["body"] as string, "base64")
        }
        expect(await worker.json("/seen", back)).toEqual(expected)
        const read = await new Response(back.body, { headers: back.headers }).formData()
        // Bun leaves out entries without a name, and the escaping as it is
        const names = expected.map(([key]) => (key as string).replace(/[\r\n"]/g, encodeURIComponent))
        expect([...read.keys()]).toEqual(names.filter((key) => key !== ""))
      }),
      { numRuns: 150 }
    )
  })

  it("any bytes are answered: by a form or by a TypeError, never by silence", async () => {
    const pieces = fc.constantFrom(
      "--b",
      "--",
      "\r\n",
      'Content-Disposition: form-data; name="a"',
      "x",
      ":",
      '"',
      ";",
      "é"
    )
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 14 }), async (parts) => {
        const { type, payload } = await worker.invoke("/seen", {
          method: "POST",
          headers: { "content-type": "multipart/form-data; boundary=b" },
          body: parts.join("")
        })
        const message = `${payload["message"] as string}`
        expect(type === "response" || message.includes("multipart/form-data"), message).toBe(true)
      }),
      { numRuns: 300 }
    )
  })
})
