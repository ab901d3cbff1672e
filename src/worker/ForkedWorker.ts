import { EXIT_CODES, type LoadPayload } from "../protocol/worker/Wire.ts"
import type { SocketTransport } from "./SocketTransport.ts"
import type { SpareWorker } from "./Spares.ts"
import type { WorkerFault } from "./WorkerAnswer.ts"
import type { WorkerBody } from "./WorkerConversation.ts"
import type { ForkedEnd, Zygote } from "./Zygote.ts"

/** Within so long after a closed wire the fork server says why there was no worker. */
const REFUSAL_MS = 250

/** How the QuickJS-NG worker ends when its engine has run out of memory. */
export const MEMORY_EXIT_CODE = EXIT_CODES.memory

/** Ends that a process which has run out of memory comes to: the kernel's own, and the engine's and libc's. */
const MEMORY_SIGNALS = new Set(["SIGKILL", "SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL", "SIGTRAP"])
/** From this share of its limit on, a sudden death is put down to memory: the last allocation is what did not fit. */
const MEMORY_SHARE = 0.9

/**
 * The end of a forked worker in words. It was memory when nobody here ended it, a signal did, and it had been at its
 * limit (FN_003).
 */
export const faultOf = (end: ForkedEnd | null, memoryMb: number, killed: boolean): WorkerFault => {
  if (end === null) return { kind: "signal", reason: "was ended along with its fork server" }
  if (end.signal === null) {
    const kind = end.code === MEMORY_EXIT_CODE ? "memory" : "exit"
    return { kind, reason: `exited with code ${end.code ?? 0}`, exitCode: end.code ?? 0 }
  }
  const atLimit = end.maxRssKb !== null && end.maxRssKb >= memoryMb * 1024 * MEMORY_SHARE
  return {
    kind: !killed && atLimit && MEMORY_SIGNALS.has(end.signal) ? "memory" : "signal",
    reason: `was ended by ${end.signal}`,
    signal: end.signal
  }
}

const notForked = (errno: string): string => `could not be forked (${errno})`

/**
 * A worker that is forked for us: connecting to the fork server makes it, unless it is a `spare`. `load` is what it is told
 * to load; null where the fork server has the bundle loaded already.
 */
export const forkedBody = (
  zygote: Zygote,
  load: LoadPayload | null,
  memoryMb: number,
  spare: SpareWorker | null = null
): WorkerBody => {
  const since = spare === null ? zygote.mark : spare.since
  let pid = 0
  let wire: SocketTransport | null = null
  let end: WorkerFault | null = null
  let killed = false
  const { promise: gone, resolve } = Promise.withResolvers<WorkerFault>()
  const finish = (fault: WorkerFault): void => {
    end ??= fault
    resolve(end)
  }
  const signal = (name: "SIGTERM" | "SIGKILL"): void => {
    if (name === "SIGKILL") killed = true
    // Before it has said who it is, it has run nothing of the function's; it is killed as soon as it does.
    if (end !== null || pid === 0) return
    try {
      process.kill(-pid, name)
    } catch {
      // ESRCH: it has ended, and the fork server will say so.
    }
  }
  return {
    pid: () => pid,
    transport: spare === null ? null : spare.transport,
    open: async (transport, events) => {
      if (spare !== null) {
        transport.handOver(events)
        wire = transport
        for (const chunk of spare.said) events.data(chunk)
        // It may have ended between its last look at and now.
        if (transport.closed) events.closed()
        return
      }
      try {
        await transport.open({ unix: zygote.address }, events)
      } catch (cause) {
        // A connection that the fork server closes at once may look as if there had been none.
        const errno = await zygote.refusal(since, REFUSAL_MS)
        throw errno === null ? cause : new Error(notForked(errno))
      }
      wire = transport
    },
    load,
    booted: (payload) => {
      if (payload.pid === undefined) return { kind: "protocol", reason: "did not say its process id" }
      pid = payload.pid
      zygote.claim(pid, since, (told) => finish(faultOf(told, memoryMb, killed)))
      if (killed) signal("SIGKILL")
      return null
    },
    hungUp: () => {
      if (pid !== 0) return
      void zygote.refusal(since, REFUSAL_MS).then((errno) => {
        finish({ kind: "exit", reason: errno === null ? "was gone" : notForked(errno) })
      })
    },
    gone,
    // Without a connection there is no process.
    isGone: () => end !== null || wire === null,
    signal,
    // One that was given up before it was opened ends with its wire.
    discard: () => spare?.transport.close()
  }
}
