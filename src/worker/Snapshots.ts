import type { DeploymentFailed } from "../domain/Errors.ts"
import type { Target } from "../domain/Invocation.ts"
import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import type { LoadPayload, ReadyPayload } from "../protocol/worker/Wire.ts"
import { faultOf } from "./ForkedWorker.ts"
import type { SocketFolder } from "./SocketFolder.ts"
import { SocketTransport } from "./SocketTransport.ts"
import { LAST_BYTES_MS, loadFailure } from "./WorkerConversation.ts"
import { WorkerLines } from "./WorkerLines.ts"
import { Zygote } from "./Zygote.ts"

/** Versions that have a fork server of their own at once; a further one does without. */
export const MOST_SNAPSHOTS = 64
/** A version's fork server that could not be had is not asked for again before this. */
const RETRY_MS = 10_000

export interface SnapshotsOptions {
  readonly sockets: SocketFolder
  readonly startupMs: number
  readonly most?: number
  readonly clock: MonotonicClock["Type"]
  readonly say: (
    target: Target,
    level: "info" | "warn" | "error",
    message: string,
    stack: string | undefined
  ) => void
}

interface Snapshot {
  readonly kill: () => void
  /** Null: it could not be had, and workers load the bundle themselves. */
  readonly made: Promise<Zygote | DeploymentFailed | null>
  zygote: Zygote | null
  usedAt: number
}

/**
 * Fork servers of versions that asked for it (`snapshot: true`): each has the version's bundle evaluated once, and its
 * workers are forked from there. They are children of the runtime's fork server and die with it.
 */
export class Snapshots {
  readonly #options: SnapshotsOptions
  /** By the target itself: two pools of one version, one of them on its way out, do not share. */
  readonly #snapshots = new Map<Target, Snapshot>()
  readonly #failedAt = new Map<Target, number>()

  constructor(options: SnapshotsOptions) {
    this.#options = options
  }

  /** So many versions have one, or are making it. */
  get count(): number {
    return this.#snapshots.size
  }

  /**
   * The version's own fork server, made if need be. Null where it cannot be had now; `DeploymentFailed` where its bundle does
   * not load, which would be no different in a worker. Never rejects.
   */
  async of(target: Target, load: LoadPayload, parent: Zygote): Promise<Zygote | DeploymentFailed | null> {
    const existing = this.#snapshots.get(target)
    if (existing !== undefined) {
      existing.usedAt = this.#options.clock.now()
      return await existing.made
    }
    const failedAt = this.#failedAt.get(target)
    if (failedAt !== undefined && this.#options.clock.now() - failedAt < RETRY_MS) return null
    if (!this.#makeRoom()) return null
    return await this.#make(target, load, parent).made
  }

  /** The target's fork server answers nobody: without workers it is given up; they would die with it. */
  unheard(target: Target): void {
    const snapshot = this.#snapshots.get(target)
    if (snapshot?.zygote?.live === 0) this.forget(target)
  }

  /** The target's pool is gone: so is its fork server, and whatever it still had. */
  forget(target: Target): void {
    this.#failedAt.delete(target)
    this.#snapshots.get(target)?.kill()
    this.#snapshots.delete(target)
  }

  close(): void {
    for (const target of [...this.#snapshots.keys()]) this.forget(target)
  }

  /** Room for one more: of those without workers, the one that was used longest ago gives way. */
  #makeRoom(): boolean {
    if (this.#snapshots.size < (this.#options.most ?? MOST_SNAPSHOTS)) return true
    let oldest: Target | null = null
    let usedAt = Number.POSITIVE_INFINITY
    for (const [target, snapshot] of this.#snapshots) {
      if (snapshot.zygote === null || snapshot.zygote.live > 0 || snapshot.usedAt >= usedAt) continue
      oldest = target
      usedAt = snapshot.usedAt
    }
    if (oldest === null) return false
    this.forget(oldest)
    return true
  }

  #make(target: Target, load: LoadPayload, parent: Zygote): Snapshot {
    const { clock, say, sockets, startupMs } = this.#options
    const place = sockets.place("snapshot")
    const since = parent.mark
    const control = new SocketTransport()
    const { promise: made, resolve } = Promise.withResolvers<Zygote | DeploymentFailed | null>()
    let pid = 0
    let over = false
    let doomed = false
    const kill = (): void => {
      doomed = true
      place.remove()
      if (over) return
      // One that spins in its bundle does not see the end of its wire; one whose process id is not known yet says it soon.
      if (pid === 0) return void setTimeout(() => control.close(), LAST_BYTES_MS)
      control.close()
      try {
        process.kill(-pid, "SIGKILL")
      } catch {
        // ESRCH: it has ended.
      }
    }
    const snapshot: Snapshot = { kill, made, zygote: null, usedAt: clock.now() }
    const finish = (reason: string): void => {
      clearTimeout(bound)
      zygote.end()
      lines.close()
      place.remove()
      const mine = this.#snapshots.get(target) === snapshot
      if (mine) {
        this.#snapshots.delete(target)
        // A pool whose target it was may be gone: then nothing is remembered of it.
        this.#failedAt.set(target, clock.now())
        say(
          target,
          "warn",
          `its snapshot ${reason}; until there is another one, workers load the bundle themselves`,
          undefined
        )
      }
      resolve(null)
    }
    const ready = (payload: ReadyPayload): void => {
      if (pid === 0 && payload.pid !== undefined) {
        pid = payload.pid
        parent.claim(pid, since, (end) => {
          over = true
          control.close()
          finish(faultOf(end, target.limits.memory_mb, false).reason)
        })
        if (doomed) return kill()
      }
      if (doomed) return
      if (payload.features?.includes("fork") !== true) return
      clearTimeout(bound)
      snapshot.zygote = zygote
      this.#failedAt.delete(target)
      resolve(zygote)
    }
    const lines = new WorkerLines(clock, ({ level, message, metadata }) => {
      const stack = metadata?.["stack"]
      say(target, level === "debug" ? "info" : level, message, typeof stack === "string" ? stack : undefined)
    })
    const zygote = new Zygote(place.connect, {
      ready,
      failed: (error) => {
        clearTimeout(bound)
        // Its end, which follows, is not worth a word: the pool is told why.
        if (this.#snapshots.get(target) === snapshot) this.#snapshots.delete(target)
        resolve(loadFailure(error, target))
      },
      // Bounded like what a worker says outside of any invocation.
      log: (payload) => lines.other("", payload, JSON.stringify(payload).length)
    })
    const bound = setTimeout(() => {
      kill()
      finish(`was not ready within ${startupMs} ms`)
    }, startupMs)
    this.#snapshots.set(target, snapshot)
    control.write(`${JSON.stringify({ id: "", type: "load", payload: { ...load, zygote: place.listen } })}\n`)
    control
      .open(
        { unix: parent.address },
        {
          data: (chunk) => zygote.receive(chunk),
          closed: () => {
            if (pid === 0) finish("was gone before it had begun")
            else if (!over) kill()
          }
        }
      )
      .catch((cause: unknown) => finish(`could not be made: ${String(cause)}`))
    return snapshot
  }
}
