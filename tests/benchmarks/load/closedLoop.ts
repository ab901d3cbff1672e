import { Connection, PATIENCE_SECONDS, requestHead } from "./Connection.ts"
import type { Amount, ClosedLoopPlan, ReportMessage } from "./LoadPlan.ts"
import { LoadRecord } from "./LoadRecord.ts"

type Phase = "warming" | "measuring" | "draining"

/**
 * Sends, on each connection, the next request when the last one was answered: first the warm-up, then what is measured.
 * A connection that is lost is a failure and is not replaced; the run ends when none is left.
 */
export const closedLoop = async (plan: ClosedLoopPlan): Promise<ReportMessage> => {
  const request = requestHead(plan.target)
  const record = new LoadRecord()
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
  let phase: Phase = "warming"
  let phaseBegan = 0
  let phaseRequests = 0
  let underWay = 0
  let lastAnswerAt = 0

  const isOver = (amount: Amount, now: number): boolean =>
    "seconds" in amount ? now - phaseBegan >= amount.seconds * 1e9 : phaseRequests >= amount.requests

  const stopWhenDone = (): void => {
    if (underWay === 0) finish()
  }

  const advance = (now: number): void => {
    if (phase === "warming" && isOver(plan.warmUp, now)) {
      phase = "measuring"
      phaseBegan = now
      phaseRequests = 0
      record.start(now)
    } else if (phase === "measuring" && isOver(plan.measure, now)) {
      phase = "draining"
      record.end(now)
    }
  }

  const send = (connection: Connection): void => {
    underWay += 1
    connection.send(request)
  }

  const events = {
    answered: (connection: Connection, status: number, nanoseconds: number): void => {
      const now = Bun.nanoseconds()
      lastAnswerAt = now
      underWay -= 1
      phaseRequests += 1
      if (status !== 200) record.failure(`status ${status}`)
      else if (phase === "measuring") record.latency(nanoseconds)
      advance(now)
      if (phase === "draining") stopWhenDone()
      else send(connection)
    },
    lost: (connection: Connection, reason: string): void => {
      record.failure(reason)
      if (connection.waiting) underWay -= 1
      stopWhenDone()
    }
  }

  const connections = await Promise.all(
    Array.from({ length: plan.connections }, () => Connection.open(plan.target, events))
  )
  lastAnswerAt = phaseBegan = Bun.nanoseconds()
  // A warm-up of nothing: the first request counts.
  advance(phaseBegan)
  const watch = setInterval(() => {
    if (Bun.nanoseconds() - lastAnswerAt < PATIENCE_SECONDS * 1e9) return
    for (let i = 0; i < underWay; i += 1) record.failure(`no answer within ${PATIENCE_SECONDS} s`)
    finish()
  }, 1000)
  for (const connection of connections) send(connection)
  await finished
  clearInterval(watch)
  for (const connection of connections) connection.close()
  if (record.measuring) record.end(Bun.nanoseconds())
  return record.report()
}
