import { readdirSync, readFileSync } from "node:fs"
import type { Processes } from "./model/Suite.ts"

/** Process groups that were started and not yet let go, of the whole program. */
const alive = new Set<number>()

/** Process groups that end together: those of a case, or those that all cases share. */
export class ProcessGroups implements Processes {
  readonly #leaders = new Set<number>()
  #closed = false

  readonly owns = (leaderPid: number): (() => void) => {
    // 0 and 1 would be this program's own group, and everything that there is
    if (!Number.isSafeInteger(leaderPid) || leaderPid <= 1) {
      throw new RangeError(`no process group has the number ${leaderPid}`)
    }
    this.#leaders.add(leaderPid)
    alive.add(leaderPid)
    // started while everything else was being ended
    if (this.#closed) kill(leaderPid)
    return () => {
      this.#leaders.delete(leaderPid)
      alive.delete(leaderPid)
    }
  }

  /** Kills them all, and those that are still to come; resolves when they are gone, at the latest after `withinMs`. */
  async end(withinMs = 2_000): Promise<void> {
    this.#closed = true
    const until = performance.now() + withinMs
    for (const leader of this.#leaders) kill(leader)
    for (const leader of this.#leaders) {
      for (let waits = 1; kill(leader) && performance.now() < until; waits++) {
        // looking at every process costs something, and is needed only where nobody reaps orphans
        if (waits % 4 === 0 && !hasLivingMembers(leader)) break
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      this.#leaders.delete(leader)
      alive.delete(leader)
    }
  }
}

/** At the program's own end: kills what is left, and waits for nothing. */
export const killAllGroups = (): void => {
  for (const leader of alive) kill(leader)
}

/** Whether there was anybody to kill: also who is dead already, as long as nobody has waited for him. */
const kill = (leader: number): boolean => {
  try {
    process.kill(-leader, "SIGKILL")
    return true
  } catch {
    return false
  }
}

/** Whether a process runs; one that is dead and that nobody has waited for does not. */
export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return statOf(String(pid))?.isDead !== true
}

/** Whether anybody of a process group lives; true where the system does not say. */
export const hasLivingMembers = (leader: number): boolean => {
  let pids: ReadonlyArray<string>
  try {
    pids = readdirSync("/proc")
  } catch {
    return true // no such thing here: nothing is known
  }
  return pids.some((pid) => {
    const stat = /^\d+$/.test(pid) ? statOf(pid) : null
    return stat !== null && stat.group === leader && !stat.isDead
  })
}

/** From `/proc`; null where it does not say. */
const statOf = (pid: string): { readonly isDead: boolean; readonly group: number } | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    // behind the name, which may have anything in it: state, parent, group
    const [state = "", , group] = text.slice(text.lastIndexOf(")") + 2).split(" ")
    return { isDead: /[ZX]/.test(state), group: Number(group) }
  } catch {
    return null
  }
}
