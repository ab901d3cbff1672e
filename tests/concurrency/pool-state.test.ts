import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { WorkerId } from "../../src/domain/Ids.ts"
import * as PoolState from "../../src/pool/PoolState.ts"
import { brokenPools } from "./broken/pools.ts"
import { arbitraryLimits, poolKeepsItsGuarantees } from "./PoolHistories.ts"

describe("the pool as a state machine", () => {
  it("keeps its guarantees over any history that its shell can bring about", () => {
    fc.assert(poolKeepsItsGuarantees(PoolState), { numRuns: 4_000 })
  })

  it("keeps them over long histories too", () => {
    fc.assert(poolKeepsItsGuarantees(PoolState, 400), { numRuns: 150 })
  })
})

const someId = fc.nat(12).map((serial) => `w1-${serial}` as WorkerId)
const anyEvent: fc.Arbitrary<PoolState.PoolEvent> = fc.oneof(
  fc.record({ _tag: fc.constant("DemandChanged" as const), waiting: fc.nat(20) }),
  fc.record({
    _tag: fc.constant("WorkersWanted" as const),
    count: fc.integer({ min: -1, max: 20 }),
    cause: fc.constant("deploy" as const)
  }),
  fc.record({
    _tag: fc.constant("WorkerReady" as const),
    worker: someId,
    concurrency: fc.integer({ min: 1, max: 4 })
  }),
  fc.record({ _tag: fc.constantFrom("StartFailed" as const, "WorkerLost" as const), worker: someId }),
  fc.record({ _tag: fc.constantFrom("Leased" as const, "WorkerExited" as const), worker: someId }),
  fc.record({ _tag: fc.constant("Released" as const), worker: someId, succeeded: fc.boolean() }),
  fc.record({
    _tag: fc.constant("Condemned" as const),
    worker: someId,
    why: fc.constantFrom("late" as const, "memory" as const, "idle" as const)
  }),
  fc.constantFrom({ _tag: "Tick" as const }, { _tag: "Retired" as const }, { _tag: "Reset" as const }),
  fc.record({ _tag: fc.constant("LimitsChanged" as const), limits: arbitraryLimits })
)

const indexed = (state: PoolState.PoolState, id: WorkerId): PoolState.WorkerSlot | undefined =>
  state.workers.find((slot) => slot.id === id)

// `expect` would take most of the time here.
const must = (condition: boolean, what: string, detail: unknown): void => {
  if (!condition) throw new Error(`${what}: ${JSON.stringify(detail)}`)
}

describe("the pool, told nonsense", () => {
  // Here events come in any order and about any worker: leases nobody took, exits of the living, readiness twice.
  it("never has too many workers, revives a condemned one, or hands out what is not ready", () => {
    fc.assert(
      fc.property(
        arbitraryLimits,
        fc.array(fc.tuple(anyEvent, fc.nat(500)), { maxLength: 80, size: "max" }),
        (limits, history) => {
          let state = PoolState.initial(limits, "w1-")
          let now = 0
          const out = new Set<WorkerId>()
          const known = new Set<WorkerId>()
          for (const [event, later] of history) {
            now += later
            const before = state
            const step = PoolState.transition(state, event, now)
            state = step.state
            const started = step.actions.filter((action) => action._tag === "Start")
            for (const { worker } of started) {
              must(!known.has(worker), "an id is new", worker)
              known.add(worker)
            }
            const most = started.length > 0 ? state.limits.maxWorkers : before.workers.length
            must(state.workers.length <= most, "no more than max_workers", state)
            const listed = new Set(before.workers.map((slot) => slot.id))
            must(
              new Set(state.workers.map((slot) => slot.id)).size === state.workers.length,
              "one slot each",
              state
            )
            for (const slot of state.workers) {
              const open = slot._tag === "Starting" || slot._tag === "Ready"
              must(!open || !out.has(slot.id), "who is out stays out", slot)
              if (!open) out.add(slot.id)
              if (slot._tag === "Ready" || slot._tag === "Draining") must(slot.inFlight >= 0, "no debt", slot)
            }
            for (const action of step.actions) {
              if (action._tag !== "Stop") continue
              const was = before.workers.find((slot) => slot.id === action.worker)
              must(was?._tag !== "Stopping", "told to end once", action)
              must(indexed(state, action.worker)?._tag === "Stopping", "is ending", action)
            }
            const id = PoolState.choose(state)
            const chosen = id === null ? undefined : indexed(state, id)
            const fit = chosen?._tag === "Ready" && chosen.inFlight < state.limits.concurrency
            must(id === null || fit, "only who is ready and has room", state)
            const next = PoolState.nextTick(state)
            if (next !== null) {
              const at = Math.max(now, next)
              const after = PoolState.nextTick(PoolState.transition(state, { _tag: "Tick" }, at).state)
              must(after === null || after > at, "a tick makes progress", state)
            }
            // An event about a worker that it does not know changes nothing.
            const nonsense = "worker" in event && !listed.has(event.worker)
            must(
              !nonsense || (state === before && step.actions.length === 0),
              "who is unknown is ignored",
              event
            )
          }
        }
      ),
      { numRuns: 2_000 }
    )
  })

  it("is a pure function: the state that it is given stays as it was", () => {
    const frozen = (state: PoolState.PoolState): PoolState.PoolState => {
      for (const slot of state.workers) Object.freeze(slot)
      Object.freeze(state.workers)
      Object.freeze(state.limits)
      return Object.freeze(state)
    }
    fc.assert(
      fc.property(arbitraryLimits, fc.array(anyEvent, { maxLength: 60, size: "max" }), (limits, events) => {
        let state = frozen(PoolState.initial(limits, "w1-"))
        for (const event of events) state = frozen(PoolState.transition(state, event, 0).state)
      }),
      { numRuns: 300 }
    )
  })
})

describe("the model of a pool itself", () => {
  for (const { breaks, fault, machine } of brokenPools) {
    it(`catches: ${fault}`, () => {
      const result = fc.check(poolKeepsItsGuarantees(machine), { numRuns: 10_000, endOnFailure: true })
      expect(result.failed).toBe(true)
      const found = String(result.errorInstance)
      expect(
        breaks.filter((guarantee) => found.includes(`${guarantee}:`)),
        found
      ).not.toEqual([])
    })
  }
})
