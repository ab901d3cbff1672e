import { runCases, type WorkerCase } from "../support/WorkerCases.ts"

const TAG = "Symbol(Symbol.toStringTag)"

/** Tag, members and symbols of each prototype. */
const INTERFACES = [
  [
    "[object ReadableStream]",
    "cancel,getReader,locked,pipeThrough,pipeTo,tee,values",
    `Symbol(Symbol.asyncIterator),${TAG}`
  ],
  ["[object ReadableStreamDefaultReader]", "cancel,closed,read,releaseLock", TAG],
  ["[object ReadableStreamBYOBReader]", "cancel,closed,read,releaseLock", TAG],
  ["[object ReadableStreamDefaultController]", "close,desiredSize,enqueue,error", TAG],
  ["[object ReadableByteStreamController]", "byobRequest,close,desiredSize,enqueue,error", TAG],
  ["[object WritableStream]", "abort,close,getWriter,locked", TAG],
  ["[object WritableStreamDefaultWriter]", "abort,close,closed,desiredSize,ready,releaseLock,write", TAG],
  ["[object WritableStreamDefaultController]", "error,signal", TAG],
  ["[object TransformStream]", "readable,writable", TAG],
  ["[object TransformStreamDefaultController]", "desiredSize,enqueue,error,terminate", TAG]
] as const

const streams: ReadonlyArray<WorkerCase> = [
  {
    name: "nothing of the implementation shows",
    run: () => {
      const transform = new TransformStream()
      const made = [
        new ReadableStream(),
        new WritableStream(),
        transform,
        new ReadableStream().getReader(),
        new ReadableStream({ type: "bytes" }).getReader({ mode: "byob" }),
        new WritableStream().getWriter(),
        new CountQueuingStrategy({ highWaterMark: 1 }),
        new ReadableStream().values()
      ]
      return made.map((one) => Reflect.ownKeys(one).length)
    },
    expected: [0, 0, 0, 0, 0, 0, 0, 0]
  },
  {
    name: "a frozen stream works",
    run: async () => {
      const stream = Object.freeze(
        new ReadableStream({
          start(controller) {
            controller.enqueue(1)
            controller.close()
          }
        })
      )
      const seen: Array<unknown> = []
      for await (const chunk of stream) seen.push(chunk)
      return seen
    },
    expected: [1]
  },
  {
    name: "prototypes hold what the standard has, and nothing else",
    run: () =>
      [
        ReadableStream,
        ReadableStreamDefaultReader,
        ReadableStreamBYOBReader,
        ReadableStreamDefaultController,
        ReadableByteStreamController,
        WritableStream,
        WritableStreamDefaultWriter,
        WritableStreamDefaultController,
        TransformStream,
        TransformStreamDefaultController
      ].map((one) => [
        Object.prototype.toString.call(one.prototype),
        Object.keys(one.prototype).toSorted().join(),
        Object.getOwnPropertySymbols(one.prototype).map(String).toSorted().join()
      ]),
    expected: INTERFACES,
    bun: {
      expected: INTERFACES.map(([tag, members, symbols], index) =>
        index === 0
          ? [
              tag,
              "blob,bytes,cancel,getReader,json,locked,pipeThrough,pipeTo,tee,text,values",
              `${symbols},Symbol(nodejs.stream.disturbed),Symbol(nodejs.stream.errored),Symbol(nodejs.stream.readable),Symbol(nodejs.util.inspect.custom)`
            ]
          : [
              tag,
              index === 1 ? "cancel,closed,read,readMany,releaseLock" : members,
              `${symbols},Symbol(nodejs.util.inspect.custom)`
            ]
      ),
      why: "Bun adds readers of its own and what Node has"
    }
  },
  {
    name: "the asynchronous iterator",
    run: async ({ from }) => {
      const stream = from(["a", "b", "c"])
      const iterator = stream.values({ preventCancel: true })
      const first = await iterator.next()
      await iterator.return?.(undefined)
      const prototype = Object.getPrototypeOf(iterator) as object
      return [
        first,
        stream.locked,
        await stream.getReader().read(),
        Object.keys(prototype).toSorted(),
        ReadableStream.prototype[Symbol.asyncIterator] === (ReadableStream.prototype.values as unknown),
        Symbol.asyncIterator in prototype
      ]
    },
    expected: [
      { value: "a", done: false },
      false,
      { value: "b", done: false },
      ["next", "return"],
      true,
      true
    ]
  },
  {
    name: "from: arrays, iterators, asynchronous ones, streams; nothing that is no object",
    run: async ({ threw, from }) => {
      const all = async (source: unknown): Promise<Array<unknown>> => {
        const seen: Array<unknown> = []
        for await (const one of from(source)) {
          seen.push(one)
        }
        return seen
      }
      return [
        await all([1, Promise.resolve(2)]),
        await all(new Set([3])),
        await all(
          (async function* () {
            yield 4
          })()
        ),
        await all(new ReadableStream({ start: (controller) => controller.close() })),
        await Promise.all(["text", 1, null, {}].map((source) => threw(() => all(source))))
      ]
    },
    expected: [[1, 2], [3], [4], [], ["TypeError", "TypeError", "TypeError", "TypeError"]],
    bun: {
      expected: [[1, 2], [3], [4], [], ["nothing", "TypeError", "TypeError", "TypeError"]],
      why: "Bun takes a string for its characters"
    }
  },
  {
    name: "pipes, with a transform and a signal",
    run: async ({ threw, from }) => {
      const doubled = from<number>([1, 2]).pipeThrough(
        new TransformStream<number, number>({
          transform: (chunk, controller) => controller.enqueue(chunk * 2),
          flush: (controller) => controller.enqueue(0)
        })
      )
      const seen: Array<number> = []
      await doubled.pipeTo(new WritableStream({ write: (chunk: number) => void seen.push(chunk) }))
      const controller = new AbortController()
      let cancelled: unknown
      let aborted: unknown
      const piping = new ReadableStream({ cancel: (reason) => void (cancelled = reason) }).pipeTo(
        new WritableStream({ abort: (reason) => void (aborted = reason) }),
        { signal: controller.signal }
      )
      controller.abort("why")
      const failed = await threw(() => piping)
      const already = await threw(() =>
        new ReadableStream().pipeTo(new WritableStream(), { signal: AbortSignal.abort() })
      )
      const wrong = await threw(() =>
        new ReadableStream().pipeTo(new WritableStream(), { signal: {} as never })
      )
      return [seen, failed, cancelled, aborted, already, wrong]
    },
    expected: [[2, 4, 0], "why", "why", "why", "AbortError", "TypeError"]
  },
  {
    name: "a sink's signal aborts, whenever it is asked for",
    run: async () => {
      const results: Array<unknown> = []
      for (const early of [true, false]) {
        let held: { readonly signal: AbortSignal } | undefined
        const stream = new WritableStream({ start: (controller) => void (held = controller as never) })
        const signal = early ? held?.signal : undefined
        await stream.abort("why")
        results.push([held?.signal.aborted, held?.signal.reason, early ? signal === held?.signal : true])
      }
      return results
    },
    expected: [
      [true, "why", true],
      [true, "why", true]
    ]
  },
  {
    name: "byte streams fill the reader's buffer",
    run: async () => {
      let wanted = 0
      const stream = new ReadableStream({
        type: "bytes",
        pull(controller) {
          const request = controller.byobRequest
          if (request === null) return
          const view = request.view as Uint8Array
          wanted = view.byteLength
          view[0] = 7
          request.respond(1)
        }
      })
      const reader = stream.getReader({ mode: "byob" })
      const { value } = await reader.read(new Uint8Array(4))
      return [wanted, [...(value ?? [])], value?.buffer.byteLength]
    },
    expected: [4, [7], 4]
  },
  {
    name: "a tee gives both branches everything",
    run: async ({ from }) => {
      const [one, other] = from(["a", "b"]).tee()
      const read = async (stream: ReadableStream): Promise<string> => {
        let text = ""
        for await (const chunk of stream) text += chunk
        return text
      }
      return Promise.all([read(one), read(other)])
    },
    expected: ["ab", "ab"]
  },
  {
    name: "backpressure: as much as the strategy allows is asked for",
    run: async () => {
      let pulled = 0
      const stream = new ReadableStream(
        {
          pull(controller) {
            pulled += 1
            controller.enqueue(new Uint8Array(10))
          }
        },
        new ByteLengthQueuingStrategy({ highWaterMark: 25 })
      )
      for (let i = 0; i < 20; i += 1) await Promise.resolve()
      const before = pulled
      await stream.getReader().read()
      for (let i = 0; i < 20; i += 1) await Promise.resolve()
      return [before, pulled]
    },
    expected: [3, 4]
  }
]

runCases("streams", streams)
