import { runCases, type WorkerCase } from "../support/WorkerCases.ts"

const events: ReadonlyArray<WorkerCase> = [
  {
    name: "listeners are called in order, once each, with their target",
    run: () => {
      const seen: Array<unknown> = []
      const target = new EventTarget()
      const listener = (event: Event): void => {
        seen.push([
          "a",
          event.type,
          event.target === target,
          event.currentTarget === target,
          event.eventPhase
        ])
      }
      target.addEventListener("x", listener)
      target.addEventListener("x", listener)
      target.addEventListener("x", {
        handleEvent(event: Event) {
          seen.push(["b", event.composedPath().length])
        }
      })
      target.addEventListener("x", () => seen.push(["capture"]), { capture: true })
      target.addEventListener("y", () => seen.push(["never"]))
      const event = new Event("x")
      const answer = target.dispatchEvent(event)
      return [seen, answer, event.eventPhase, event.currentTarget, event.composedPath().length]
    },
    expected: [[["capture"], ["a", "x", true, true, 2], ["b", 1]], true, 0, null, 0]
  },
  {
    name: "once, removal and a signal take listeners away, also while they are called",
    run: () => {
      const seen: Array<string> = []
      const target = new EventTarget()
      const controller = new AbortController()
      const late = (): void => void seen.push("late")
      target.addEventListener("x", () => seen.push("once"), { once: true })
      target.addEventListener("x", () => seen.push("signal"), { signal: controller.signal })
      target.addEventListener("x", () => target.removeEventListener("x", late))
      target.addEventListener("x", late)
      target.dispatchEvent(new Event("x"))
      controller.abort()
      target.addEventListener("x", () => seen.push("aborted already"), { signal: controller.signal })
      target.dispatchEvent(new Event("x"))
      return seen
    },
    expected: ["once", "signal"]
  },
  {
    name: "default prevented only where it can be, propagation stopped at once",
    run: () => {
      const target = new EventTarget()
      const seen: Array<string> = []
      target.addEventListener("x", (event) => event.preventDefault(), { passive: true })
      const passive = target.dispatchEvent(new Event("x", { cancelable: true }))
      target.addEventListener("x", (event) => event.preventDefault())
      const firm = target.dispatchEvent(new Event("x"))
      const event = new Event("x", { cancelable: true })
      const prevented = target.dispatchEvent(event)
      target.addEventListener("z", (one) => one.stopImmediatePropagation())
      target.addEventListener("z", () => seen.push("after"))
      target.dispatchEvent(new Event("z"))
      return [passive, firm, prevented, event.defaultPrevented, event.returnValue, seen]
    },
    expected: [true, true, false, true, false, []]
  },
  {
    name: "an event cannot be dispatched twice at once, nor can anything else",
    run: ({ threw }) => {
      const target = new EventTarget()
      const event = new Event("x")
      let inner: Promise<string> | undefined
      target.addEventListener("x", () => {
        inner = threw(() => target.dispatchEvent(event))
      })
      target.dispatchEvent(event)
      return Promise.all([
        inner,
        threw(() => target.dispatchEvent({} as Event)),
        threw(() => target.dispatchEvent(null as never)),
        threw(() => (target.addEventListener as (type: string) => void)("x")),
        threw(() => new (Event as unknown as new () => Event)()),
        threw(() => target.addEventListener("x", 1 as never)),
        threw(() => Reflect.get(Event.prototype, "type", {}))
      ])
    },
    expected: [
      "InvalidStateError",
      "TypeError",
      "TypeError",
      "TypeError",
      "TypeError",
      "TypeError",
      "TypeError"
    ],
    bun: {
      expected: ["Error", "TypeError", "TypeError", "TypeError", "TypeError", "TypeError", "TypeError"],
      why: "Bun's error is no DOMException there"
    }
  },
  {
    name: "an error in a listener does not keep the others from being called",
    run: () => {
      const seen: Array<string> = []
      const target = new EventTarget()
      target.addEventListener("x", () => seen.push("first"))
      target.addEventListener("x", {} as never)
      target.addEventListener("x", () => seen.push("last"))
      return [target.dispatchEvent(new Event("x")), seen]
    },
    expected: [true, ["first", "last"]]
  },
  {
    name: "custom events carry their detail, error events their error",
    run: () => {
      const error = new Error("boom")
      const failed = new ErrorEvent("error", { message: "m", filename: "f", lineno: 1, colno: 2, error })
      return [
        new CustomEvent("x", { detail: { a: 1 } }).detail,
        new CustomEvent("x").detail,
        [failed.message, failed.filename, failed.lineno, failed.colno, failed.error === error],
        failed instanceof Event,
        String(failed),
        Object.keys(Object.getOwnPropertyDescriptor(new Event("x"), "isTrusted") ?? {}).length
      ]
    },
    expected: [{ a: 1 }, null, ["m", "f", 1, 2, true], true, "[object ErrorEvent]", 4]
  },
  {
    name: "an on-attribute takes its place once, and null takes it away",
    run: () => {
      const seen: Array<string> = []
      const first = new AbortController()
      first.signal.onabort = () => seen.push("old")
      first.signal.addEventListener("abort", () => seen.push("listener"))
      first.signal.onabort = () => seen.push("new")
      first.abort()
      const second = new AbortController()
      second.signal.onabort = () => seen.push("never")
      second.signal.onabort = null
      second.abort()
      return [seen, second.signal.onabort]
    },
    expected: [["new", "listener"], null]
  }
]

const signals: ReadonlyArray<WorkerCase> = [
  {
    name: "aborts once, with its reason",
    run: async ({ threw }) => {
      const controller = new AbortController()
      let count = 0
      controller.signal.addEventListener("abort", (event) => {
        count += event.isTrusted ? 1 : 100
      })
      controller.abort("first")
      controller.abort("second")
      const plain = new AbortController()
      plain.abort()
      return [
        count,
        controller.signal.aborted,
        controller.signal.reason,
        (plain.signal.reason as Error).name,
        (plain.signal.reason as DOMException).code,
        await threw(() => plain.signal.throwIfAborted()),
        AbortSignal.abort(null).reason,
        await threw(() => new (AbortSignal as unknown as new () => AbortSignal)())
      ]
    },
    expected: [1, true, "first", "AbortError", 20, "AbortError", null, "TypeError"]
  },
  {
    name: "a time-out aborts with a TimeoutError",
    run: async ({ threw }) => {
      const signal = AbortSignal.timeout(5)
      const before = signal.aborted
      await new Promise((resolve) => signal.addEventListener("abort", resolve))
      return [
        before,
        signal.aborted,
        (signal.reason as Error).name,
        await threw(() => AbortSignal.timeout(-1)),
        await threw(() => AbortSignal.timeout(Number.NaN))
      ]
    },
    expected: [false, true, "TimeoutError", "TypeError", "TypeError"]
  },
  {
    name: "any follows the first of its signals, through others that follow",
    run: () => {
      const order: Array<string> = []
      const a = new AbortController()
      const b = new AbortController()
      const inner = AbortSignal.any([a.signal, b.signal])
      const outer = AbortSignal.any([inner])
      outer.addEventListener("abort", () => order.push(`outer ${String(inner.aborted)}`))
      inner.addEventListener("abort", () => order.push(`inner ${String(outer.aborted)}`))
      a.signal.addEventListener("abort", () => order.push(`source ${String(outer.aborted)}`))
      a.abort("why")
      b.abort("other")
      return [order, outer.reason, AbortSignal.any([]).aborted, AbortSignal.any([b.signal]).reason]
    },
    expected: [["source true", "inner true", "outer true"], "why", false, "other"]
  },
  {
    name: "what a signal that follows others waits for survives a collection",
    run: async () => {
      const controller = new AbortController()
      let heard = 0
      const listen = (): void => {
        AbortSignal.any([controller.signal]).addEventListener("abort", () => {
          heard += 1
        })
      }
      for (let i = 0; i < 100; i += 1) listen()
      for (let i = 0; i < 50; i += 1) {
        Array.from({ length: 1_000 }, (_, at) => ({ at }))
        await new Promise((resolve) => setTimeout(resolve, 0))
      }
      controller.abort()
      return heard
    },
    expected: 100
  }
]

const shapes: ReadonlyArray<WorkerCase> = [
  {
    name: "classes look as WebIDL demands",
    run: () =>
      [Event, CustomEvent, EventTarget, AbortController, AbortSignal].map((type) => [
        type.name,
        type.length,
        Object.prototype.propertyIsEnumerable.call(globalThis, type.name),
        Reflect.get(type.prototype, Symbol.toStringTag) as unknown,
        Object.getOwnPropertyNames(type.prototype).filter(
          (key) => key !== "constructor" && !Object.prototype.propertyIsEnumerable.call(type.prototype, key)
        )
      ]),
    expected: [
      ["Event", 1, false, "Event", []],
      ["CustomEvent", 1, false, "CustomEvent", []],
      ["EventTarget", 0, false, "EventTarget", []],
      ["AbortController", 0, false, "AbortController", []],
      ["AbortSignal", 0, false, "AbortSignal", []]
    ],
    bun: {
      expected: [
        ["Event", 1, true, "Event", []],
        ["CustomEvent", 1, true, "CustomEvent", []],
        ["EventTarget", 0, true, "EventTarget", []],
        ["AbortController", 0, true, "AbortController", []],
        ["AbortSignal", 0, true, "AbortSignal", []]
      ],
      why: "Bun's globals are enumerable"
    }
  }
]

runCases("events", events)
runCases("abort signals", signals)
runCases("interfaces", shapes)
