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

const processes = (): ReadonlyArray<{ pid: number; parent: number; state: string; command: string }> =>
  readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8")
      // The command in parentheses may contain anything; the fields after the last one are safe to split.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")
      return [{ pid: Number(name), parent: Number(fields[1]), state: fields[0] as string, command }]
    } catch {
      return []
    }
  })
