import { expect } from "vitest"
import { type GuestOptions, GuestProcess } from "./GuestProcess.ts"

/** Starts a guest that cannot load its bundle, and returns how it says so. */
export const failedLoad = async (options: GuestOptions) => {
  const guest = await GuestProcess.start(options)
  const error = await guest.next((message) => message.type === "error")
  const code = await guest.exit()
  expect(guest.messages.filter(({ type }) => type === "ready" || type === "error")).toHaveLength(1)
  expect(guest.violations).toEqual([])
  if (error.type !== "error") throw new Error("unreachable")
  expect({ id: error.id, exit: code }).toEqual({ id: "", exit: 1 })
  return error.payload
}
