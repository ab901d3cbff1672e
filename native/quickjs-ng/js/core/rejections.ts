import { apply } from "./intrinsics.ts"
import type { Speaker } from "./speaker.ts"

/** Unhandled rejections of one invocation that have a log line each; the others are counted. */
const SHOWN = 100

interface Count {
  readonly speaker: Speaker
  total: number
  /** How many were left out when that was last said. */
  said: number
}

const counts = new WeakMap<Speaker, Count>()
const { get, set } = WeakMap.prototype
/** Those who had some left out since this was last asked. */
let silenced: Array<Count> = []

/** Counts one; whether it is to be logged. */
export const isShown = (speaker: Speaker): boolean => {
  let count = apply(get, counts, [speaker]) as Count | undefined
  if (count === undefined) {
    count = { speaker, total: 0, said: 0 }
    apply(set, counts, [speaker, count])
  }
  count.total += 1
  if (count.total <= SHOWN) return true
  if (silenced[silenced.length - 1] !== count) silenced[silenced.length] = count
  return false
}

/**
 * Says how many were left out: once all that there were have been looked at, and again only when they have become
 * twice as many, so that one who never rests does not fill the log.
 */
export const confessRejections = (): void => {
  if (silenced.length === 0) return
  const list = silenced
  silenced = []
  for (let i = 0; i < list.length; i += 1) {
    const count = list[i] as Count
    const left = count.total - SHOWN
    if (left < count.said * 2 || left === count.said) continue
    count.said = left
    count.speaker.say("warn", `${left} more unhandled rejections are not shown`)
  }
}
