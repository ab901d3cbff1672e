import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Reclaim, StartBudget, type StartPermit } from "./StartBudget.ts"

const idle = (reclaim: () => boolean): Reclaim => ({ idle: reclaim, busy: () => false })
const nothing = idle(() => false)

interface Requested {
  readonly pool: string
  readonly serial: number
  state: "waiting" | "starting" | "live" | "gone" | "withdrawn"
  permit: StartPermit | null
  withdraw: () => void
}

const act = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("request" as const),
      pool: fc.constantFrom("a", "b", "c"),
      urgent: fc.boolean()
    })
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("started" as const), which: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("released" as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("withdraw" as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("again" as const), which: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("urge" as const), pool: fc.constantFrom("a", "b", "c") })
  }
)

describe("StartBudget", () => {
  it("never goes over either bound, keeps nobody waiting without need, and takes turns between pools", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(act, { maxLength: 80, size: "max" }),
        (maxLive, maxStarting, acts) => {
          const pools = new Map(["a", "b", "c"].map((name) => [name, { name }]))
          const requests: Array<Requested> = []
          const inState = (...states: ReadonlyArray<Requested["state"]>) =>
            requests.filter(({ state }) => states.includes(state))
          // Pools that wait, in the order in which they came, and when each was last served.
          let line: Array<string> = []
          const turns = new Map<string, number>()
          const urgent = new Set<string>()
          let turn = 0
          let expected: Array<number> = []
          const granted: Array<number> = []
          /** Granted by the model, while the budget's own grant is not looked at yet. */
          const unseen = (serial: number): boolean => expected.includes(serial) && !granted.includes(serial)
          const leaveLine = (pool: string): void => {
            line = line.filter((one) => one !== pool)
            urgent.delete(pool)
          }
          const serveModel = (): void => {
            let live = inState("starting", "live").length + expected.length - granted.length
            let starting = inState("starting").length + expected.length - granted.length
            while (live < maxLive && starting < maxStarting && line.length > 0) {
              const taken = new Set(expected)
              const places = (pool: string): number =>
                requests.filter(
                  (one) =>
                    one.pool === pool &&
                    (one.state === "starting" || one.state === "live" || unseen(one.serial))
                ).length
              const first = urgent.size > 0 ? [...urgent] : line
              const fewest = Math.min(...first.map(places))
              const poorest = first.filter((one) => places(one) === fewest)
              const longest = Math.min(...poorest.map((one) => turns.get(one) ?? 0))
              const pool = poorest.find((one) => (turns.get(one) ?? 0) === longest) as string
              const ofPool = inState("waiting").filter((one) => one.pool === pool && !taken.has(one.serial))
              const [next] = ofPool
              if (ofPool.length <= 1) leaveLine(pool)
              if (next === undefined) continue
              turns.set(pool, (turn += 1))
              expected.push(next.serial)
              live += 1
              starting += 1
            }
          }
          const budget = new StartBudget(maxLive, maxStarting, nothing)
          const within = (act: () => void): void => {
            expected = []
            granted.length = 0
            act()
            expect(granted).toEqual(expected)
          }
          for (const one of acts) {
            switch (one.do) {
              case "request": {
                const request: Requested = {
                  pool: one.pool,
                  serial: requests.length,
                  state: "waiting",
                  permit: null,
                  withdraw: () => {}
                }
                requests.push(request)
                if (!line.includes(one.pool)) line.push(one.pool)
                if (one.urgent) urgent.add(one.pool)
                within(() => {
                  serveModel()
                  request.withdraw = budget.request(pools.get(one.pool) as object, one.urgent, (permit) => {
                    request.state = "starting"
                    request.permit = permit
                    granted.push(request.serial)
                  })
                })
                break
              }
              case "started": {
                const request = pick(inState("starting"), one.which)
                if (request === undefined) break
                within(() => {
                  request.state = "live"
                  serveModel()
                  request.permit?.started()
                })
                break
              }
              case "released": {
                const request = pick(inState("starting", "live"), one.which)
                if (request === undefined) break
                within(() => {
                  request.state = "gone"
                  serveModel()
                  request.permit?.released()
                })
                break
              }
              case "withdraw": {
                const request = pick(requests, one.which)
                if (request === undefined) break
                within(() => {
                  if (request.state === "waiting") request.state = "withdrawn"
                  if (!inState("waiting").some(({ pool }) => pool === request.pool)) {
                    leaveLine(request.pool)
                  }
                  request.withdraw()
                })
                break
              }
              case "again":
                // Permits count once, whatever is said again.
                within(() => {
                  const request = pick(inState("gone", "live"), one.which)
                  request?.permit?.started()
                  if (request?.state === "gone") request.permit?.released()
                })
                break
              case "urge":
                if (line.includes(one.pool)) urgent.add(one.pool)
                within(() => budget.urge(pools.get(one.pool) as object))
            }
            const live = inState("starting", "live").length
            expect(budget.live).toBe(live)
            expect(live).toBeLessThanOrEqual(maxLive)
            expect(inState("starting").length).toBeLessThanOrEqual(maxStarting)
            const waiting = inState("waiting").length
            expect(budget.waiting).toBe(waiting)
            const room = live < maxLive && inState("starting").length < maxStarting
            expect(waiting > 0 && room).toBe(false)
          }
        }
      ),
      { numRuns: 300 }
    )
  })

  it("grants to a start that fails from within its grant, one after the other", () => {
    const budget = new StartBudget(1, 1, nothing)
    const order: Array<number> = []
    const failsAtOnce = (serial: number) => (permit: StartPermit) => {
      order.push(serial)
      permit.released()
    }
    let held: StartPermit | null = null
    budget.request({}, false, (permit) => (held = permit))
    const pool = {}
    for (const serial of [1, 2, 3]) budget.request(pool, false, failsAtOnce(serial))
    ;(held as StartPermit | null)?.released()
    expect(order).toEqual([1, 2, 3])
    expect([budget.live, budget.waiting]).toEqual([0, 0])
  })

  describe("where no worker may be added", () => {
    /** A budget of one that is taken, and somebody who has a worker to spare or not. */
    const full = (maxStarting = 1) => {
      const spare = { workers: 0, asked: 0 }
      const budget = new StartBudget(
        1,
        maxStarting,
        idle(() => {
          spare.asked += 1
          if (spare.workers === 0) return false
          spare.workers -= 1
          return true
        })
      )
      let holder: StartPermit | null = null
      budget.request({}, false, (permit) => {
        holder = permit
        permit.started()
      })
      return { budget, spare, release: () => (holder as StartPermit | null)?.released() }
    }

    it("takes one from whoever has one to spare, for an urgent request only", () => {
      const { budget, release, spare } = full()
      spare.workers = 5
      budget.request({}, false, () => {})
      expect(spare.asked).toBe(0)
      let granted = 0
      budget.request({}, true, () => (granted += 1))
      // One place is needed: one is asked for, and no more while it is on its way.
      expect([spare.asked, spare.workers]).toEqual([1, 4])
      budget.relieve()
      expect(spare.asked).toBe(1)
      release()
      // Whoever somebody waits for gets the place, not the one that came first and was in no hurry.
      expect([granted, budget.waiting]).toEqual([1, 1])
    })

    it("asks again when somebody has become idle", () => {
      const { budget, release, spare } = full()
      let granted = 0
      budget.request({}, true, () => (granted += 1))
      expect([spare.asked, granted]).toEqual([1, 0])
      spare.workers = 1
      budget.relieve()
      expect([spare.asked, spare.workers]).toEqual([2, 0])
      release()
      expect(granted).toBe(1)
      budget.relieve()
      expect(spare.asked).toBe(2)
    })

    it("asks once what nobody hurried for becomes urgent", () => {
      const { budget, spare } = full()
      const pool = {}
      spare.workers = 2
      budget.urge(pool)
      budget.request(pool, false, () => {})
      expect(spare.asked).toBe(0)
      budget.urge(pool)
      budget.urge(pool)
      expect(spare.asked).toBe(1)
    })

    it("asks for nobody who withdrew", () => {
      const { budget, spare } = full()
      const withdraw = budget.request({}, true, () => {})
      withdraw()
      withdraw()
      spare.workers = 1
      const before = spare.asked
      budget.relieve()
      expect(spare.asked).toBe(before)
    })

    it("does not ask where only starts are many, for that passes by itself", () => {
      let asked = 0
      const budget = new StartBudget(
        10,
        1,
        idle(() => {
          asked += 1
          return true
        })
      )
      budget.request({}, true, () => {})
      budget.request({}, true, () => {})
      expect([asked, budget.waiting]).toEqual([0, 1])
    })

    it("is not led astray by a pool that asks for a new worker from within giving one up", () => {
      let depth = 0
      const keepsWarm = {}
      const budget: StartBudget = new StartBudget(
        1,
        1,
        idle(() => {
          depth += 1
          if (depth > 5) throw new Error("over and over")
          budget.request(keepsWarm, false, () => {})
          return true
        })
      )
      budget.request(keepsWarm, false, (permit) => permit.started())
      budget.request({}, true, () => {})
      expect(depth).toBe(1)
    })
  })

  describe("where nobody is idle", () => {
    /** A budget whose places are all one pool's, and how often that was to give up a worker, beyond which share. */
    const contended = (maxLive: number) => {
      const rich = {}
      const asked: Array<number> = []
      const budget = new StartBudget(maxLive, maxLive, {
        idle: () => false,
        busy: (share) => {
          asked.push(share)
          return true
        }
      })
      for (let i = 0; i < maxLive; i += 1) budget.request(rich, true, (permit) => permit.started())
      return { asked, budget, rich }
    }

    it("a pool with more than an equal share gives up what another is short of, and no more", () => {
      const { asked, budget } = contended(8)
      const poor = {}
      for (let i = 0; i < 20; i += 1) budget.request(poor, true, () => {})
      expect(asked).toEqual([4, 4, 4, 4])
    })

    it("a pool that wants but one gets but one", () => {
      const { asked, budget, rich } = contended(8)
      budget.request({}, true, () => {})
      for (let i = 0; i < 20; i += 1) budget.request(rich, true, () => {})
      expect(asked).toEqual([4])
    })

    it("to be warm is no reason", () => {
      const { asked, budget } = contended(2)
      budget.request({}, false, () => {})
      expect(asked).toEqual([])
    })

    it("pools take turns where there are more of them than places", () => {
      const { asked, budget } = contended(1)
      budget.request({}, true, () => {})
      budget.request({}, true, () => {})
      expect(asked).toEqual([0, 0])
    })
  })
})

const pick = <A>(from: ReadonlyArray<A>, index: number): A | undefined =>
  from.length === 0 ? undefined : from[index % from.length]
