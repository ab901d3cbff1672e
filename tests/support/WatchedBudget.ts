import { BodyBudget, make } from "../../src/router/BodyBudget.ts"

/** The real budget, under watch: it never goes out of its bounds, and a test can wait until it is all given back. */
export interface WatchedBudget {
  readonly budget: BodyBudget["Type"]
  /** Fulfilled once nothing is held; at once if that is so now. */
  readonly empty: () => Promise<void>
  /** Fulfilled once exactly so many bytes are held. */
  readonly holds: (bytes: number) => Promise<void>
  /** What was ever held at once. */
  readonly most: () => number
}

export const watchedBudget = (limitBytes: number): WatchedBudget => {
  const budget = make(limitBytes)
  let most = 0
  let waiting: Array<{ readonly bytes: number; readonly tell: () => void }> = []
  const changed = (): void => {
    const held = budget.held()
    if (held < 0 || held > limitBytes) throw new Error(`the budget of ${limitBytes} bytes holds ${held}`)
    most = Math.max(most, held)
    const told = waiting.filter(({ bytes }) => bytes === held)
    waiting = waiting.filter(({ bytes }) => bytes !== held)
    for (const { tell } of told) tell()
  }
  const holds = (bytes: number): Promise<void> =>
    budget.held() === bytes
      ? Promise.resolve()
      : new Promise((resolve) => waiting.push({ bytes, tell: resolve }))
  return {
    budget: BodyBudget.of({
      ...budget,
      take: (bytes) => {
        const taken = budget.take(bytes)
        changed()
        return taken
      },
      giveBack: (bytes) => {
        budget.giveBack(bytes)
        changed()
      }
    }),
    empty: () => holds(0),
    holds,
    most: () => most
  }
}
