import fc from "fast-check"
import type { PropertyDefinition, StepData } from "./property.ts"

const base64 = (text: string): string => Buffer.from(text).toString("base64")

const invokeMessage = (id: string, body: string, method = "POST"): StepData => ({
  id,
  type: "invoke",
  payload: { method, path: "/", url: "/", headers: {}, query: {}, body, deadline_ms: 30_000 }
})

/** Where a stream is cut: counts of bytes. Short ones are common, so that characters and words are cut too. */
const cuts = fc.array(
  fc.oneof({ weight: 2, arbitrary: fc.nat({ max: 8 }) }, { weight: 1, arbitrary: fc.nat({ max: 400 }) }),
  { maxLength: 40 }
)

/** What a host's stream may have between messages. */
const garbage: fc.Arbitrary<unknown> = fc.oneof(
  fc
    .uint8Array({ maxLength: 60 })
    .map((bytes) => ({ base64: Buffer.from(bytes.filter((byte) => byte !== 10)).toString("base64") })),
  fc.json({ maxDepth: 2 }),
  fc.constantFrom(
    "",
    "{",
    '"',
    "[]",
    "null",
    '{"id":1,"type":"invoke"}',
    '{"id":"x","type":"response","payload":{}}',
    '{"id":"x","type":"later","payload":{}}',
    '{"type":"ping"}'
  )
)

type Item =
  | { readonly kind: "invoke"; readonly text: string }
  | { readonly kind: "ping" }
  | { readonly kind: "cancel" }
  | { readonly kind: "garbage"; readonly line: unknown }

/** A stream of messages and other things, cut anywhere. */
const streams: PropertyDefinition = {
  name: "streams",
  title: "The host's bytes may be cut anywhere, with anything between the messages: each is answered once",
  requirements: ["WP-012", "WP-019", "WP-020", "WP-032", "WP-090", "WP-091"],
  function: "echo",
  runs: 80,
  steps: (features) => {
    const many = features.includes("concurrency")
    const item: fc.Arbitrary<Item> = fc.oneof(
      {
        weight: 4,
        arbitrary: fc
          .string({ unit: "grapheme", maxLength: 30 })
          .map((text): Item => ({ kind: "invoke", text: text.toWellFormed() }))
      },
      { weight: 2, arbitrary: garbage.map((line): Item => ({ kind: "garbage", line })) },
      { weight: 1, arbitrary: fc.constant<Item>({ kind: "cancel" }) },
      ...(features.includes("ping") ? [{ weight: 1, arbitrary: fc.constant<Item>({ kind: "ping" }) }] : [])
    )
    return fc.tuple(fc.array(item, { minLength: 1, maxLength: 20 }), cuts).map(([items, places]) => {
      const lines: Array<unknown> = []
      const expected: Array<StepData> = []
      for (const [index, one] of items.entries()) {
        const id = `n${index}`
        if (one.kind === "garbage") lines.push(one.line)
        else if (one.kind === "cancel") {
          // of nobody: whoever has that id has not begun
          lines.push({ id: `n${index + 1}`, type: "cancel", payload: { reason: "client_gone" } })
        } else if (one.kind === "ping") {
          lines.push({ id, type: "ping", payload: {} })
          expected.push({ pong: { id } })
        } else if (many || expected.length === 0) {
          lines.push(invokeMessage(id, base64(one.text)))
          expected.push({ answer: { id, status: 200, text: one.text } })
        }
      }
      return [{ torn: { lines, cuts: places } }, ...expected, { settle: true }]
    })
  }
}

interface Plan {
  readonly before: ReadonlyArray<string>
  readonly after: ReadonlyArray<string>
  readonly end: "answer" | "throw" | "nothing"
  readonly cancel: "never" | "before" | "after"
}

const plan: fc.Arbitrary<Plan> = fc.record({
  before: fc.array(fc.constantFrom("one", "zwei", "三"), { maxLength: 3 }),
  after: fc.array(fc.constantFrom("vier", "five", "六"), { maxLength: 3 }),
  end: fc.constantFrom("answer" as const, "throw" as const, "nothing" as const),
  cancel: fc.constantFrom("never" as const, "never" as const, "before" as const, "after" as const)
})

/** How an invocation ends that nobody cancelled. */
const outcome = (id: string, { end }: Plan): StepData =>
  end === "answer"
    ? { type: "response", payload: { status: 200, body: { $text: id } } }
    : {
        type: "error",
        payload:
          end === "throw"
            ? { code: "HANDLER_ERROR", message: { $contains: id } }
            : { code: "INVALID_RESPONSE" }
      }

const CANCELLED: StepData = { type: "error", payload: { code: "CANCELLED" } }

/**
 * Invocations that wait at gates of their own, which open in any order; some are cancelled before that, some after. The model:
 * who is cancelled while it waits is answered as cancelled; whose cancel may cross the answer, as either; everybody else by what
 * the script comes to. All say all of their lines.
 */
const together: PropertyDefinition = {
  name: "together",
  title: "Invocations in flight together are each answered once, by their own outcome, whatever the order",
  requirements: ["WP-091", "WP-110", "WP-111", "WP-120", "WP-126", "WP-127", "WP-128"],
  needs: { features: ["concurrency", "cancel"] },
  function: "script",
  runs: 80,
  steps: () =>
    fc
      .array(plan, { minLength: 1, maxLength: 12 })
      .chain((plans) =>
        fc.record({
          plans: fc.constant(plans),
          opening: fc.shuffledSubarray(
            plans.map((_, index) => index),
            { minLength: plans.length }
          ),
          hearing: fc.shuffledSubarray(
            plans.map((_, index) => index),
            { minLength: plans.length }
          ),
          ping: fc.nat({ max: plans.length })
        })
      )
      .map(({ plans, opening, hearing, ping }) => {
        const steps: Array<StepData> = plans.map((one, index) => ({
          invoke: {
            id: `i${index}`,
            json: [
              ...one.before.map((line) => ["log", "info", line]),
              ["wait", `g${index}`],
              ...one.after.map((line) => ["log", "warn", line]),
              one.end === "answer"
                ? ["answer", { text: `i${index}` }]
                : one.end === "throw"
                  ? ["throw", `i${index}`]
                  : ["nothing"]
            ]
          }
        }))
        for (const [turn, index] of opening.entries()) {
          if (turn === ping) steps.push({ settle: true })
          const cancel = { cancel: { id: `i${index}`, reason: "client_gone" } }
          if (plans[index]?.cancel === "before") steps.push(cancel)
          steps.push({ invoke: { id: `o${index}`, json: [["open", `g${index}`]] } })
          if (plans[index]?.cancel === "after") steps.push(cancel)
        }
        for (const index of hearing) {
          const one = plans[index] as Plan
          const own = outcome(`i${index}`, one)
          const is =
            one.cancel === "never" ? own : one.cancel === "before" ? CANCELLED : { $oneOf: [own, CANCELLED] }
          steps.push({ answered: { id: `i${index}`, is } }, { answer: { id: `o${index}`, status: 200 } })
          steps.push({ logs: { id: `i${index}`, lines: [...one.before, ...one.after] } })
        }
        return [...steps, { settle: true }]
      })
}

/** Cancels at any place in the stream, cut anywhere. */
const cancels: PropertyDefinition = {
  name: "cancels",
  title: "A cancel may come at any moment: the invocation is answered once, and nobody else is harmed",
  requirements: ["WP-091", "WP-126", "WP-127", "WP-128"],
  needs: { features: ["concurrency", "cancel"] },
  function: "script",
  runs: 80,
  steps: () =>
    fc
      .record({
        sleeps: fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 1, maxLength: 10 }),
        // which invocation, and at which place among all lines
        cancels: fc.array(fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 20 })), { maxLength: 10 }),
        places: cuts
      })
      .map(({ sleeps, cancels: wanted, places }) => {
        const lines: Array<StepData> = sleeps.map((sleep, index) =>
          invokeMessage(
            `i${index}`,
            base64(
              JSON.stringify([...(sleep < 0 ? [] : [["sleep", sleep]]), ["answer", { text: `i${index}` }]])
            )
          )
        )
        for (const [which, at] of wanted) {
          const id = `i${which % sleeps.length}`
          lines.splice(at, 0, { id, type: "cancel", payload: { reason: "deadline" } })
        }
        const expected = sleeps.map((_, index): StepData => {
          const id = `i${index}`
          const begun = lines.findIndex((line) => line["id"] === id && line["type"] === "invoke")
          const own = { type: "response", payload: { body: { $text: id } } }
          const isCancelled = lines.some((line, at) => at > begun && line["id"] === id)
          return { answered: { id, is: isCancelled ? { $oneOf: [own, CANCELLED] } : own } }
        })
        return [{ torn: { lines, cuts: places } }, ...expected, { settle: true }]
      })
}

/** Fetches of several invocations, whose results come in any order. */
const calls: PropertyDefinition = {
  name: "calls",
  title: "Results reach their calls in whatever order they come",
  requirements: ["WP-150", "WP-151", "WP-152", "WP-153"],
  needs: { features: ["call", "concurrency"], javascript: true },
  function: "js/fetch",
  runs: 60,
  steps: () =>
    fc
      .array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 5 })
      .chain((counts) => {
        const all = counts.flatMap((count, i) => Array.from({ length: count }, (_, j) => ({ i, j })))
        return fc.record({
          counts: fc.constant(counts),
          order: fc.shuffledSubarray(all, { minLength: all.length }),
          refused: fc.subarray(counts.map((_, index) => index))
        })
      })
      .map(({ counts, order, refused }) => {
        const url = (i: number, j: number): string => `http://up.example/${i}/${j}`
        const steps: Array<StepData> = []
        for (const [i, count] of counts.entries()) {
          steps.push({
            invoke: { id: `i${i}`, json: Array.from({ length: count }, (_, j) => ({ url: url(i, j) })) }
          })
          for (let j = 0; j < count; j += 1) {
            const payload = { name: "fetch", call_id: { $as: `c${i}-${j}` }, request: { url: url(i, j) } }
            steps.push({ expect: { type: "call", id: `i${i}`, payload } })
          }
        }
        for (const { i, j } of order) {
          const isRefused = refused.includes(i) && j === 0
          const response = {
            status: 200,
            status_text: "",
            url: url(i, j),
            redirected: false,
            headers: {},
            body: base64(url(i, j))
          }
          const error = { name: "TypeError", message: `no ${url(i, j)}` }
          steps.push({
            result: {
              id: `i${i}`,
              call_id: { $ref: `c${i}-${j}` },
              ...(isRefused ? { ok: false, error } : { ok: true, response })
            }
          })
        }
        for (const [i, count] of counts.entries()) {
          const json = refused.includes(i)
            ? { name: "TypeError", message: `no ${url(i, 0)}` }
            : Array.from({ length: count }, (_, j) => ({ text: url(i, j), url: url(i, j) }))
          steps.push({ answer: { id: `i${i}`, json } })
        }
        return [...steps, { settle: true }]
      })
}

/** The end of stdin after any byte of a conversation. */
const ends: PropertyDefinition = {
  name: "ends",
  title: "The end of stdin ends a worker with 0 after whatever byte it comes",
  requirements: ["WP-160", "WP-161"],
  needs: { protocol: "1.1" },
  function: "hello",
  runs: 20,
  freshWorker: true,
  steps: () => {
    const bytes = Buffer.from(
      [
        invokeMessage("i-ü", "", "GET"),
        { id: "p", type: "ping", payload: {} },
        { id: "x", type: "later", payload: { text: "☃ 😀" } }
      ]
        .map((message) => `${JSON.stringify(message)}\n`)
        .join("")
    )
    return fc
      .nat({ max: bytes.length })
      .map((end) => [
        { raw_base64: bytes.subarray(0, end).toString("base64") },
        { close_stdin: true },
        { exit: { code: 0 } }
      ])
  }
}

export const interleavingProperties: ReadonlyArray<PropertyDefinition> = [
  streams,
  together,
  cancels,
  calls,
  ends
]
