import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { ONE_CTRL_C_MS, type Signal, stopSignal } from "./StopSignal.ts"

/** A process on paper: signals come when the test says so, and time stands still otherwise. */
const start = () => {
  const handlers = new Map<Signal, (signal: Signal) => void>()
  const happened: Array<string> = []
  let now = 1_000
  void Effect.runPromise(
    stopSignal({
      on: (signal, handle) => handlers.set(signal, handle),
      now: () => now,
      leave: () => void happened.push("leave"),
      exit: (code) => void happened.push(`exit ${code}`)
    })
  ).then((signal) => happened.push(`stops by ${signal}`))
  return {
    happened,
    signal: async (signal: Signal, afterMs = 0): Promise<void> => {
      now += afterMs
      handlers.get(signal)?.(signal)
      await Promise.resolve()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

describe("stopSignal (R-8)", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("gives the first %s", async (signal) => {
    const { happened, signal: send } = start()
    expect(happened).toEqual([])
    await send(signal)
    expect(happened).toEqual([`stops by ${signal}`])
  })

  it("takes the two SIGINTs of one Ctrl-C under npm for one", async () => {
    const { happened, signal } = start()
    await signal("SIGINT")
    await signal("SIGINT", 1)
    await signal("SIGINT", ONE_CTRL_C_MS - 2)
    expect(happened).toEqual(["stops by SIGINT"])
  })

  it("also one that follows a SIGTERM so closely", async () => {
    const { happened, signal } = start()
    await signal("SIGTERM")
    await signal("SIGINT", ONE_CTRL_C_MS - 1)
    expect(happened).toEqual(["stops by SIGTERM"])
  })

  it("ends the process at a second SIGINT, after leaving", async () => {
    const { happened, signal } = start()
    await signal("SIGINT")
    await signal("SIGINT", ONE_CTRL_C_MS)
    expect(happened).toEqual(["stops by SIGINT", "leave", "exit 130"])
  })

  it.each(["SIGTERM", "SIGINT"] as const)(
    "ends the process at a SIGTERM after a %s, however soon",
    async (first) => {
      const { happened, signal } = start()
      await signal(first)
      await signal("SIGTERM")
      expect(happened).toEqual([`stops by ${first}`, "leave", "exit 143"])
    }
  )
})
