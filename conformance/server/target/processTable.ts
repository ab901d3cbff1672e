import { readdirSync, readFileSync, readlinkSync } from "node:fs"

/** A process as the kernel shows it (Linux only). */
export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  readonly state: string
  /** What with its pid tells it from another that gets the same number later. */
  readonly startedAt: string
}

const entryOf = (pid: number): ProcessEntry | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1")
    // the name, in brackets, may hold anything
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    return { pid, state: fields[0] ?? "", parent: Number(fields[1]), startedAt: fields[19] ?? "" }
  } catch {
    return null
  }
}

/** Everything that descends from a process, itself not included, zombies included. */
export const descendants = (root: number): ReadonlyArray<ProcessEntry> => {
  const all = readdirSync("/proc").flatMap((name) =>
    /^\d+$/.test(name) ? (entryOf(Number(name)) ?? []) : []
  )
  const found: Array<ProcessEntry> = []
  const parents = new Set([root])
  for (let grown = true; grown;) {
    grown = false
    for (const entry of all) {
      if (parents.has(entry.parent) && !parents.has(entry.pid)) {
        parents.add(entry.pid)
        found.push(entry)
        grown = true
      }
    }
  }
  return found
}

/** Whether this very process is still there and no zombie. */
export const isAlive = ({ pid, startedAt }: ProcessEntry): boolean => {
  const now = entryOf(pid)
  return now !== null && now.startedAt === startedAt && now.state !== "Z"
}

export const processOf = entryOf

const isShell = (pid: number, text: string): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") === ["/bin/sh", "-c", text, ""].join("\0")
  } catch {
    return false
  }
}

/** The program that a shell with this text was started for: its first child, also of a subshell. The shell where it has none. */
export const behindShell = (shell: number, text: string): number => {
  let pid = shell
  while (isShell(pid, text)) {
    const child = descendants(pid).find(({ parent, state }) => parent === pid && state !== "Z")
    if (child === undefined) break
    pid = child.pid
  }
  return pid
}

/** The number that a process has for itself, in the innermost of its namespaces; null where it is gone. */
export const ownNumber = (pid: number): number | null => {
  try {
    const numbers = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]
    return Number(numbers?.trim().split(/\s+/).at(-1) ?? pid)
  } catch {
    return null
  }
}

/** Open descriptors of a process. */
export const descriptorCount = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

/** Resident memory of a process, in bytes. */
export const residentBytes = (pid: number): number => {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))
  return Number(line?.[1] ?? 0) * 1024
}

/** What its standard output leads to, for telling sockets from pipes. */
export const linkOf = (pid: number, descriptor: number): string =>
  readlinkSync(`/proc/${pid}/fd/${descriptor}`)

/** Processor time that a process has used, in ticks of 10 ms; 0 where it is gone. */
export const cpuTicks = (pid: number): number => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1")
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return 0
  }
}
