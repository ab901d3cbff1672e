import { Connection, PATIENCE_SECONDS, requestHead } from "./Connection.ts"
import type { EchoPlan, ReportMessage } from "./LoadPlan.ts"
import { LoadRecord } from "./LoadRecord.ts"

/** Sends one random body after another and compares what comes back. The comparison is outside the measured time. */
export const echo = async (plan: EchoPlan): Promise<ReportMessage> => {
  const record = new LoadRecord()
  const head = requestHead(plan.target, plan.bytes)
  const request = Buffer.concat([head, new Uint8Array(plan.bytes)])
  const body = request.subarray(head.length)
  const fill = randomFill(plan.seed)
  const received = new Uint8Array(plan.bytes)
  let length = 0
  let answer = Promise.withResolvers<{ readonly status: number; readonly nanoseconds: number }>()

  const connection = await Connection.open(plan.target, {
    answered: (_connection, status, nanoseconds) => answer.resolve({ status, nanoseconds }),
    lost: (_connection, reason) => answer.reject(new Error(reason)),
    body: (piece) => {
      if (length + piece.length <= received.length) received.set(piece, length)
      length += piece.length
    }
  })

  try {
    for (let sent = 0; sent < plan.warmUpRequests + plan.requests; sent += 1) {
      if (sent === plan.warmUpRequests) record.start(Bun.nanoseconds())
      fill(body)
      length = 0
      answer = Promise.withResolvers()
      connection.send(request)
      const { nanoseconds, status } = await withPatience(answer)
      if (status !== 200) record.failure(`status ${status}`)
      else if (length !== body.length) record.failure(`${length} bytes came back for ${body.length}`)
      else if (!body.equals(received)) record.failure("other bytes came back")
      else record.latency(nanoseconds)
    }
  } catch (error) {
    record.failure(error instanceof Error ? error.message : String(error))
  }
  connection.close()
  if (record.measuring) record.end(Bun.nanoseconds())
  return record.report()
}

const withPatience = async <A>({ promise, reject }: PromiseWithResolvers<A>): Promise<A> => {
  const timer = setTimeout(
    () => reject(new Error(`no answer within ${PATIENCE_SECONDS} s`)),
    PATIENCE_SECONDS * 1000
  )
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

/** Xorshift: the same bytes for the same seed, and nothing that a codec could shorten. */
const randomFill = (seed: number): ((bytes: Buffer) => void) => {
  // Zero is the one state from which it never moves.
  let state = seed | 0 || 0x9e3779b9 | 0
  return (bytes) => {
    const words = new Int32Array(Math.ceil(bytes.length / 4))
    for (let i = 0; i < words.length; i += 1) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      words[i] = state
    }
    bytes.set(new Uint8Array(words.buffer, 0, bytes.length))
  }
}
