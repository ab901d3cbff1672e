import { readdirSync, readlinkSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { groupOfServer, workerGroups } from "./MemoryModes.ts"
import { commandOf, descendantsOf, descriptorsOf, zombiesOf } from "./Processes.ts"
import type { TestServer } from "./TestServer.ts"

/**
 * What a server has of what can leak, a line each, sorted: processes below it, zombies, descriptors, files of workers, sockets,
 * control groups. Without the numbers in which two of a kind differ: a server that is back where it was gives the same lines.
 */
export const holdingsOf = (server: TestServer): ReadonlyArray<string> => {
  const home = dirname(server.dataDir)
  return [
    ...processesOf(server).map((pid) => `process ${programOf(pid)}`),
    ...zombiesOf(server.pid).map(() => "zombie"),
    ...descriptorsOf(server.pid).map((target) => `descriptor ${kindOf(target)}`),
    ...filesBelow(home)
      .filter(({ isSocket, path }) => isSocket || relative(server.dataDir, path).startsWith("tmp/"))
      .map(({ path }) => `file ${relative(home, path).replaceAll(/\d+/g, "#")}`),
    ...groupsOf(server.pid).map(() => "control group")
  ].sort()
}

/** The lines that one has beyond the other. */
export const beyond = (some: ReadonlyArray<string>, others: ReadonlyArray<string>): ReadonlyArray<string> => {
  const left = [...others]
  return some.filter((line) => {
    const at = left.indexOf(line)
    if (at !== -1) left.splice(at, 1)
    return at === -1
  })
}

/** Those below it, and those that are not any more but work in its folder: orphans of its workers. */
const processesOf = ({ dataDir, pid: server }: TestServer): ReadonlyArray<number> => {
  const found = new Set(descendantsOf(server).map(({ pid }) => pid))
  for (const name of readdirSync("/proc")) {
    const pid = Number(name)
    if (Number.isInteger(pid) && pid !== server && workingFolderOf(pid).startsWith(dataDir)) found.add(pid)
  }
  return [...found]
}

const workingFolderOf = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ""
  }
}

const programOf = (pid: number): string => {
  try {
    const [program = "", ...rest] = commandOf(pid).split(" ")
    return `${program.split("/").at(-1)} ${rest.at(-2)?.split("/").at(-1)?.replaceAll(/\d+/g, "#")}`
  } catch {
    return "that ends"
  }
}

// Files by their names, everything else by its kind.
const kindOf = (target: string): string => target.replaceAll(/\d+/g, "#")

interface Found {
  readonly path: string
  readonly isSocket: boolean
}

/** Only what is of interest: a worker's folder counts, and not what is in it. */
const filesBelow = (folder: string): ReadonlyArray<Found> =>
  entriesOf(folder).flatMap((entry) => {
    const path = join(folder, entry.name)
    const found = { path, isSocket: entry.isSocket() }
    const enters = entry.isDirectory() && ["data", "tmp"].includes(entry.name)
    return enters ? filesBelow(path) : [found]
  })

const entriesOf = (folder: string) => {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

const groupsOf = (pid: number): ReadonlyArray<string> => {
  const group = groupOfServer(pid)
  return group === null ? [] : workerGroups(group)
}
