import { describe, expect, test } from "vitest"
import { bundleOf, goesOn, native } from "../support/HardenedWorker.ts"

describe("an error on a native worker whose getter never returns", () => {
  const raise = (how: string, property: string) =>
    bundleOf(`const error = Object.defineProperty(new Error("x"), "${property}", { get() { for (;;); } })
      ${how}
      return new Promise(() => {})`)

  test.each([
    ["queueMicrotask(() => { throw error })", "name"],
    ["queueMicrotask(() => { throw error })", "message"],
    ["queueMicrotask(() => { throw error })", "stack"],
    ["queueMicrotask(() => { throw error })", "cause"],
    ["setTimeout(() => { throw error })", "name"],
    ["setTimeout(() => { throw error })", "message"],
    ["Promise.reject(error)", "name"],
    ["Promise.reject(error)", "message"],
    ["throw error", "name"],
    ["reportError(error)", "message"],
    [
      "const target = new EventTarget(); target.addEventListener('x', () => { throw error }); target.dispatchEvent(new Event('x'))",
      "name"
    ]
  ])("ends at the deadline: %s, %s", async (how, property) => {
    const guest = await native(raise(how, property))
    expect(await guest.failure({ deadlineMs: 200 })).toMatchObject({
      code: "CANCELLED",
      message: "the deadline passed"
    })
    await goesOn(guest)
  })

  test("is told as one of its own invocation", async () => {
    const guest = await native(
      bundleOf(`queueMicrotask(() => { throw new Error("from a job") })
      await new Promise((resolve) => setTimeout(resolve, 1))
      return new Response("done")`)
    )
    const other = guest.begin({ path: "/ok" })
    const id = guest.begin()
    expect(await guest.answer(id)).toMatchObject({ text: "done" })
    await guest.answer(other)
    expect(guest.logs(id).map(({ message }) => message)).toEqual(["Uncaught exception: Error: from a job"])
  })
})
