import { readFileSync } from "node:fs"

/**
 * Runs `body` with this process, and so with every process started in it, on one core. Two processes that take turns on
 * one core find each other awake; on two cores each must wake the other's, which on a virtual machine takes longer than
 * the work itself, and which of the two it is changes from second to second by the scheduler's choice.
 *
 * Where it cannot be done (no Linux, no `taskset`), `body` is run all the same, and told so.
 */
export const onOneCore = async <A>(body: (pinned: boolean) => Promise<A>): Promise<A> => {
  const before = allowedCores()
  // The last one: the first usually has the interrupts.
  const core = before?.split(/[,-]/).at(-1)
  if (before === null || core === undefined || !moveTo(core)) return await body(false)
  try {
    return await body(true)
  } finally {
    moveTo(before)
  }
}

/** In the kernel's own notation, e.g. `0-3,8`. */
const allowedCores = (): string | null => {
  try {
    const status = readFileSync("/proc/self/status", "utf8")
    return /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? null
  } catch {
    return null
  }
}

const moveTo = (cores: string): boolean => {
  try {
    // All threads: whichever of them starts a process passes its own cores on.
    const cmd = ["taskset", "--all-tasks", "--cpu-list", "--pid", cores, String(process.pid)]
    return Bun.spawnSync({ cmd, stdio: ["ignore", "ignore", "ignore"] }).success
  } catch {
    return false
  }
}
