import { hardenedMap } from "../webidl/hardenedMap.ts"
import { native } from "./native.ts"

/**
 * What is large waits, in the function's own memory, while the host does not read: lines on their way to the host are
 * outside of its limit.
 */
const held = hardenedMap<unknown, () => void>()
let count = 0

/** Whether nothing has to wait. */
export const keepsUp = (): boolean => count === 0 && !native.isClogged()

/** Sends something at once where the host keeps up, else in its turn. `key` names it for `takeBack`. */
export const sendInTurn = (key: unknown, send: () => void): void => {
  if (keepsUp()) return send()
  held.set(key, send)
  count += 1
  native.whenDrained()
}

/** What waits is not to be sent any more. False where nothing of that key waits. */
export const takeBack = (key: unknown): boolean => {
  if (count === 0 || !held.delete(key)) return false
  count -= 1
  return true
}

/** The host has read on: sends what waits, in order, as far as it keeps up. */
export const drained = (): void => {
  try {
    held.forEach((send, key) => {
      if (!native.isClogged() && takeBack(key)) send()
    })
  } finally {
    if (count > 0) native.whenDrained()
  }
}
