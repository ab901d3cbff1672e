import { InvocationCancelled } from "../../../src/domain/Errors.ts"
import type { Invocation, Outcome, Target } from "../../../src/domain/Invocation.ts"
import type { Cancel, Scheduler } from "../../../src/scheduler/Scheduler.ts"
import { type SchedulerParts, soundParts } from "../../support/ScheduledService.ts"

/**
 * Schedulers that are wrong on purpose, each in one way and most of the time right: the real one, with one of its parts or
 * its doors spoilt. The model has to catch every one of them, and for the right reason.
 */
export interface BrokenScheduler {
  readonly fault: string
  /** The guarantee that has to be reported as broken: one of these. */
  readonly breaks: ReadonlyArray<string>
  /** Made anew for each history: some count. */
  readonly parts: () => SchedulerParts
}

const variant = (
  fault: string,
  breaks: ReadonlyArray<string>,
  parts: () => Partial<SchedulerParts>
): BrokenScheduler => ({ fault, breaks, parts: () => ({ ...soundParts, ...parts() }) })

type Submit = Scheduler["Type"]["submit"]

/** A scheduler whose `submit` is another. */
const submitting = (
  change: (
    submit: Submit,
    ...call: readonly [target: Target, invocation: Invocation, settle: (outcome: Outcome) => void]
  ) => Cancel
): Partial<SchedulerParts> => ({
  scheduler: (sound) => ({
    ...sound,
    submit: (target, invocation, settle) => change(sound.submit, target, invocation, settle)
  })
})

/** True every so often. */
const everyNth = (n: number): (() => boolean) => {
  let count = 0
  return () => (count += 1) % n === 0
}

export const brokenSchedulers: ReadonlyArray<BrokenScheduler> = [
  variant("an invocation that failed is settled twice", ["one outcome"], () =>
    submitting((submit, target, invocation, settle) =>
      submit(target, invocation, (outcome) => {
        settle(outcome)
        if (outcome._tag === "Failure") settle(outcome)
      })
    )
  ),
  variant("a cancel is answered", ["no outcome after a cancel", "one outcome"], () =>
    submitting((submit, target, invocation, settle) => {
      let open = true
      const cancel = submit(target, invocation, (outcome) => {
        open = false
        settle(outcome)
      })
      return () => {
        cancel()
        if (open) settle({ _tag: "Failure", error: new InvocationCancelled({ phase: "run" }) })
      }
    })
  ),
  variant("a cancel is forgotten", ["one record per outcome", "the queue holds those that wait"], () =>
    submitting((submit, target, invocation, settle) => {
      submit(target, invocation, settle)
      return () => {}
    })
  ),
  variant(
    "every other caller is let in a turn later, behind those who came after",
    ["first in, first out", "the queue holds those that wait", "something was taken on after stop"],
    () => {
      const isInTime = everyNth(2)
      return submitting((submit, target, invocation, settle) => {
        if (isInTime() || invocation.deadlineMs !== undefined) return submit(target, invocation, settle)
        let cancel: Cancel | null = null
        let gone = false
        queueMicrotask(() => {
          if (!gone) cancel = submit(target, invocation, settle)
        })
        return () => {
          gone = true
          cancel?.()
        }
      })
    }
  ),
  variant(
    "a waiter is not told of the room that there is",
    ["no place is lost", "all is well again", "everything comes to an end"],
    () => {
      const isLost = everyNth(3)
      return {
        pools: (sound) => ({
          ...sound,
          listen: (listener) =>
            sound.listen({
              ...listener,
              capacity: (pool) => {
                if (!isLost()) listener.capacity(pool)
              }
            })
        })
      }
    }
  ),
  variant("deadlines are looked at too late", ["the deadline is kept", "the queue's time is kept"], () => ({
    clock: ({ after, now }) => ({ now, after: (ms, task) => after(ms + 35, task) })
  })),
  variant(
    "deadlines come too early",
    ["no deadline before its instant", "no queue time-out before its time"],
    () => ({
      clock: ({ after, now }) => ({ now: () => now() * 1.5, after })
    })
  ),
  variant("the queue takes one more than it may", ["the queue's length is bounded"], () => ({
    config: (sound) => ({ ...sound, maxQueueLength: sound.maxQueueLength + 1 })
  })),
  variant(
    "records of failures are dropped",
    ["one record per outcome", "exactly one record per invocation"],
    () => ({
      logs: (sound) => ({
        ...sound,
        record: (record) => {
          if (record.code !== "FN_007") sound.record(record)
        }
      })
    })
  )
]
