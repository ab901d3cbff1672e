import { readdirSync, readFileSync, readlinkSync } from "node:fs"

/** Live processes that have `text` in their command line: a worker names its bundle there, so a data folder finds its workers. */
export const processesNaming = (text: string): ReadonlyArray<number> =>
  processes()
    .filter((one) => one.command.includes(text) && one.pid !== process.pid)
    .map((one) => one.pid)

export const zombiesOf = (pid: number): ReadonlyArray<number> =>
  processes()
    .filter((one) => one.parent === pid && one.state === "Z")
    .map((one) => one.pid)

/** Open descriptors of a process, by what they point at. */
export const descriptorsOf = (pid: number): ReadonlyArray<string> =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      return []
    }
  })

export const childrenOf = (pid: number): ReadonlyArray<number> =>
  processes()
    .filter((one) => one.parent === pid && one.state !== "Z")
    .map((one) => one.pid)

/** Children, their children and so on, with what tells a process from a later one of the same number. */
export const descendantsOf = (pid: number): ReadonlyArray<ProcessIdentity> => {
  const all = processes()
  const found = new Set([pid])
  for (let before = 0; before < found.size;) {
    before = found.size
    for (const one of all) if (found.has(one.parent)) found.add(one.pid)
  }
  return all.filter((one) => one.pid !== pid && found.has(one.pid))
}

export interface ProcessIdentity {
  readonly pid: number
  /** When it was started, in ticks since the machine was. */
  readonly since: string
}

/** Whether this very process still lives; one that only waits to be reaped does not. */
export const stillLives = ({ pid, since }: ProcessIdentity): boolean =>
  processes().some((one) => one.pid === pid && one.since === since && one.state !== "Z")

export const commandOf = (pid: number): string =>
  readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")

/** A process's proportional share of the memory that it uses (PSS), in bytes. */
export const pssOf = (pid: number): number => {
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]
  if (kilobytes === undefined) throw new Error(`the memory of process ${pid} cannot be read`)
  return Number(kilobytes) * 1024
}

export const isAlive = (pid: number): boolean =>
  processes().some((one) => one.pid === pid && one.state !== "Z")

interface LivingProcess extends ProcessIdentity {
  readonly parent: number
  readonly state: string
  readonly command: string
}

const processes = (): ReadonlyArray<LivingProcess> =>
  readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8")
      // The command in parentheses may contain anything; the fields after the last one are safe to split.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")
      const [state = "", parent] = fields
      return [{ pid: Number(name), parent: Number(parent), state, since: fields[19] ?? "", command }]
    } catch {
      return []
    }
  })
