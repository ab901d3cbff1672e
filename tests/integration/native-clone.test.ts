import { runCases, type WorkerCase } from "../support/WorkerCases.ts"

const cases: ReadonlyArray<WorkerCase> = [
  {
    name: "data of all kinds, with their identities",
    run: () => {
      const shared = { n: 1 }
      const source: Record<string, unknown> = {
        date: new Date(5),
        pattern: /a+/gi,
        map: new Map<unknown, unknown>([[shared, new Set([1, shared])]]),
        holes: Object.assign([1], { 2: 3 }),
        boxed: [Object("s"), Object(1), Object(true), Object(2n)],
        shared,
        big: 10n
      }
      source["self"] = source
      const copy = structuredClone(source)
      const [key, set] = [...(copy["map"] as Map<unknown, Set<unknown>>)][0] as [unknown, Set<unknown>]
      const holes = copy["holes"] as Array<number>
      return [
        copy !== source && copy["self"] === copy,
        (copy["date"] as Date).getTime(),
        String(copy["pattern"]),
        key === copy["shared"] && set.has(copy["shared"]),
        [holes.length, 1 in holes],
        (copy["boxed"] as Array<object>).map((one) => [typeof one, String(one)]),
        String(copy["big"])
      ]
    },
    expected: [
      true,
      5,
      "/a+/gi",
      true,
      [3, false],
      [
        ["object", "s"],
        ["object", "1"],
        ["object", "true"],
        ["object", "2"]
      ],
      "10"
    ]
  },
  {
    name: "bytes: views share their buffer, growing ones still grow",
    run: () => {
      const buffer = Uint8Array.of(1, 2, 3, 4).buffer
      const source = {
        whole: new Uint8Array(buffer),
        part: new Uint16Array(buffer, 2, 1),
        view: new DataView(buffer, 1, 2)
      }
      const copy = structuredClone(source)
      copy.whole[2] = 9
      const growing = new Uint8Array(new ArrayBuffer(2, { maxByteLength: 8 }))
      const grown = structuredClone(growing)
      grown.buffer.resize(4)
      return [
        copy.whole.buffer === copy.part.buffer && copy.part.buffer === copy.view.buffer,
        [copy.part.length, copy.part.byteOffset, copy.view.byteOffset, copy.view.byteLength],
        copy.part[0] === new Uint16Array(Uint8Array.of(9, 4).buffer)[0],
        [...source.whole],
        grown.length
      ]
    },
    expected: [true, [1, 2, 1, 2], true, [1, 2, 3, 4], 4]
  },
  {
    name: "errors keep their type, message and cause",
    run: () => {
      class Own extends RangeError {}
      const copy = structuredClone(new TypeError("m", { cause: { a: 1 } }))
      const own = structuredClone(new Own("o"))
      const other = structuredClone(Object.assign(new Error("x"), { name: "Custom", extra: 1 }))
      const dom = structuredClone(new DOMException("d", "AbortError"))
      return [
        [copy instanceof TypeError, copy.name, copy.message, copy.cause, typeof copy.stack],
        [own instanceof Own, own instanceof RangeError, own.message],
        [other.name, other.message, "extra" in other],
        [dom instanceof DOMException, dom.name, dom.message, dom.code]
      ]
    },
    expected: [
      [true, "TypeError", "m", { a: 1 }, "string"],
      [false, true, "o"],
      ["Error", "x", false],
      [true, "AbortError", "d", 20]
    ],
    bun: {
      expected: [
        [true, "TypeError", "m", null, "string"],
        [false, true, "o"],
        ["Error", "x", false],
        [true, "AbortError", "d", 20]
      ],
      why: "Bun does not clone an error's cause"
    }
  },
  {
    name: "what has no copy is a DataCloneError, and nothing is moved then",
    run: async ({ threw }) => {
      const buffer = new ArrayBuffer(4)
      const failed = await threw(() => structuredClone({ buffer, f: () => 1 }, { transfer: [buffer] }))
      return [
        failed,
        buffer.byteLength,
        await threw(() => structuredClone(Symbol("s"))),
        await threw(() => structuredClone(new WeakMap())),
        await threw(() => structuredClone(Promise.resolve())),
        await threw(() => structuredClone(new Response("x"))),
        await threw(() => structuredClone({}, { transfer: [buffer, buffer] })),
        await threw(() => structuredClone({}, { transfer: [{} as never] })),
        await threw(() => (structuredClone as () => void)()),
        await threw(() =>
          structuredClone({
            get bad(): never {
              throw new RangeError("from the getter")
            }
          })
        )
      ]
    },
    expected: [
      "DataCloneError",
      4,
      "DataCloneError",
      "DataCloneError",
      "DataCloneError",
      "DataCloneError",
      "DataCloneError",
      "DataCloneError",
      "TypeError",
      "RangeError"
    ]
  },
  {
    name: "what is transferred is detached here and whole there",
    run: () => {
      const view = Uint8Array.of(1, 2, 3)
      const { buffer } = view
      const copy = structuredClone({ view, other: 1 }, { transfer: [buffer] })
      return [[...copy.view], buffer.byteLength, buffer.detached, view.length]
    },
    expected: [[1, 2, 3], 0, true, 0]
  },
  {
    name: "files are copied with their bytes",
    run: async () => {
      const copy = structuredClone(new File(["abc"], "n.txt", { type: "text/plain", lastModified: 7 }))
      const blob = structuredClone(new Blob(["de"], { type: "a/b" }))
      return [copy.name, copy.type, copy.lastModified, await copy.text(), blob.type, await blob.text()]
    },
    expected: ["n.txt", "text/plain", 7, "abc", "a/b", "de"],
    bun: {
      expected: ["n.txt", "text/plain;charset=utf-8", 7, "abc", "a/b", "de"],
      why: "Bun adds a charset to the type"
    }
  },
  {
    name: "own enumerable properties only; accessors become their values",
    run: () => {
      class Point {
        x = 1
        get double(): number {
          return this.x * 2
        }
      }
      const source = Object.defineProperty(new Point(), "hidden", { value: 1, enumerable: false })
      const copy = structuredClone(
        Object.defineProperty(source, "shown", { get: () => 5, enumerable: true, configurable: true })
      ) as unknown as Record<string, unknown>
      return [
        copy instanceof Point,
        Object.keys(copy),
        copy["shown"],
        Object.getPrototypeOf(copy) === Object.prototype
      ]
    },
    expected: [false, ["x", "shown"], 5, true]
  },
  {
    name: "views that have gone out of their buffer's bounds",
    run: ({ threw }) => {
      const typed = new ArrayBuffer(16, { maxByteLength: 32 })
      const viewed = new ArrayBuffer(16, { maxByteLength: 32 })
      const views = [new Uint8Array(typed, 8), new DataView(viewed, 8)]
      typed.resize(0)
      viewed.resize(0)
      return Promise.all(views.map((view) => threw(() => structuredClone(view))))
    },
    expected: ["DataCloneError", "DataCloneError"]
  }
]

runCases("structuredClone", cases)
