import { describe, expect, it } from "vitest"
import { make } from "../router/BodyBudget.ts"
import { declaredLength, HeldBody } from "./RequestBody.ts"

/** A body that comes as the test says, chunk by chunk. */
const comingIn = () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  return {
    request: new Request("http://localhost/", { method: "POST", body: readable }),
    send: (bytes: number) => writer.write(new Uint8Array(bytes)),
    end: () => writer.close()
  }
}
const whole = (bytes: number) =>
  new Request("http://localhost/", { method: "POST", body: new Uint8Array(bytes) })

describe("HeldBody", () => {
  it("with a declared length has its place from the start, or is refused", async () => {
    const budget = make(10)
    const body = new HeldBody(whole(6), 6, 8, budget)
    expect(body.admit()).toBeNull()
    expect(budget.held()).toBe(6)
    expect(new HeldBody(whole(5), 5, 8, budget).admit()).toBe("no_room")
    expect(new HeldBody(whole(9), 9, 8, budget).admit()).toBe("too_large")
    expect(budget.held()).toBe(6)
    expect(await body.read()).toEqual(new Uint8Array(6))
    body.giveBack()
    body.giveBack()
    expect(budget.held()).toBe(0)
  })

  it("without one is counted as it comes, and ends where it is too much for itself or for all", async () => {
    const budget = make(10)
    for (const [limit, refusal] of [
      [8, "too_large"],
      [100, "no_room"]
    ] as const) {
      const { request, send } = comingIn()
      const body = new HeldBody(request, null, limit, budget)
      expect(body.admit()).toBeNull()
      const read = body.read()
      await send(7)
      expect(budget.held()).toBe(7)
      // The reader may hang up before it has taken this.
      send(4).catch(() => {})
      expect(await read).toBe(refusal)
      body.giveBack()
      expect(budget.held()).toBe(0)
    }
  })

  it("puts the chunks together, and takes nothing where there is no body", async () => {
    const budget = make(10)
    const { end, request, send } = comingIn()
    const body = new HeldBody(request, null, 10, budget)
    const read = body.read()
    await send(3)
    await send(7)
    await end()
    expect(await read).toEqual(new Uint8Array(10))
    expect(budget.held()).toBe(10)
    body.giveBack()
    const none = new HeldBody(new Request("http://localhost/", { method: "POST" }), null, 10, budget)
    expect([none.admit(), await none.read(), budget.held()]).toEqual([null, new Uint8Array(0), 0])
  })

  it("takes nothing more once it was given back in the middle", async () => {
    const budget = make(10)
    const { request, send } = comingIn()
    const body = new HeldBody(request, null, 10, budget)
    const read = body.read()
    await send(3)
    body.giveBack()
    send(2).catch(() => {})
    expect(await read).toBe("no_room")
    expect(budget.held()).toBe(0)
  })
})

it("declaredLength reads what the HTTP server lets through", () => {
  expect([undefined, null, "0", "12", "5, 5"].map(declaredLength)).toEqual([null, null, 0, 12, 5])
})
