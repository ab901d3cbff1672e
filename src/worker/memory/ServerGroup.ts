import { type GroupDialect, dialectOf } from "./GroupDialect.ts"
import { errnoOf, type GroupFiles } from "./GroupFiles.ts"
import type { GroupPlace } from "./GroupPlace.ts"
import { MiB } from "./MemoryLimits.ts"

/** Who a server is, for as long as the machine is up: process ids come again, together with their start they do not. */
export interface ServerIdentity {
  readonly pid: number
  /** Its start, in the kernel's ticks. */
  readonly started: string
  /** Where its process id counts. */
  readonly pidNamespace: string
}

/** What is needed of the machine besides the groups' files. */
export interface GroupMachine {
  readonly files: GroupFiles
  readonly self: ServerIdentity
  /** Whether the process with this id, of our own namespace, runs, and was started then. */
  readonly isAlive: (pid: number, started: string) => boolean
  /** SIGKILL; nothing happens when it is gone. */
  readonly kill: (pid: number) => void
  readonly wait: (ms: number) => Promise<void>
  /** A process that does nothing, to try a group with. */
  readonly startProbe: () => { readonly pid: number; readonly end: () => Promise<void> }
}

const PREFIX = "bunbase"
/** The server's own place where it may not stay in the group that it was started in. */
const OWN_LEAF = "server"
/** A killed process leaves its group soon, but not at once. */
const REMOVAL_WAITS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500]

const nameOf = ({ pid, pidNamespace, started }: ServerIdentity): string =>
  `${PREFIX}-${pidNamespace}-${pid}-${started}`

const wordsIn = (text: string): ReadonlyArray<string> => text.split(/\s+/).filter((word) => word !== "")

/** Ends every process in a group. */
export const killMembers = async ({ files, kill, self }: GroupMachine, group: string): Promise<void> => {
  for (const word of wordsIn(await files.read(`${group}/cgroup.procs`).catch(() => ""))) {
    const pid = Number(word)
    // 0 stands for a process that cannot be seen from here; to kill that would be to kill this server's own group.
    if (pid > 0 && pid !== self.pid) kill(pid)
  }
}

/** Removes a group with whatever still runs in it; false where that could not be done within a second. */
export const removeGroup = async (machine: GroupMachine, group: string): Promise<boolean> => {
  for (const pause of [...REMOVAL_WAITS_MS, null]) {
    await killMembers(machine, group)
    try {
      await machine.files.remove(group)
      return true
    } catch (cause) {
      if (errnoOf(cause) === "ENOENT") return true
      if (errnoOf(cause) !== "EBUSY" || pause === null) return false
    }
    await machine.wait(pause)
  }
  return false
}

/** Removes groups of servers that are gone, with what they left running; never another's, nor one whose server lives. */
const sweep = async (machine: GroupMachine, place: GroupPlace): Promise<void> => {
  const { files, isAlive, self } = machine
  for (const name of await files.groupsIn(place.path)) {
    const [prefix, namespace, pid, started, ...more] = name.split("-")
    if (prefix !== PREFIX || namespace !== self.pidNamespace || started === undefined || more.length > 0)
      continue
    if (!/^\d+$/.test(pid ?? "") || isAlive(Number(pid), started)) continue
    const group = `${place.path}/${name}`
    for (const inner of await files.groupsIn(group).catch(() => []))
      await removeGroup(machine, `${group}/${inner}`)
    await removeGroup(machine, group)
  }
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/**
 * The group of this server, below the one that it was started in: so whatever that one is held to holds for all workers
 * together. In it there is a group for each worker. Version 2 allows no processes beside groups: there the server goes
 * into a group of its own first, which it may do where nobody else is in the one that it was started in.
 */
export class ServerGroup {
  readonly path: string
  readonly dialect: GroupDialect
  readonly machine: GroupMachine
  readonly #place: GroupPlace
  #killsWhole = false
  /** What has to be undone at the end, the last first. */
  readonly #undo: Array<() => Promise<unknown>> = []

  private constructor(place: GroupPlace, machine: GroupMachine) {
    this.#place = place
    this.machine = machine
    this.dialect = dialectOf(place.version)
    this.path = `${place.path}/${nameOf(machine.self)}`
  }

  /** Makes it, having tried all that a worker's group needs. Rejects with why it cannot be had, and leaves nothing then. */
  static async open(place: GroupPlace, machine: GroupMachine): Promise<ServerGroup> {
    const group = new ServerGroup(place, machine)
    try {
      await group.#open()
    } catch (cause) {
      await group.close()
      throw new Error(`${place.path}: ${reasonOf(cause)}`, { cause })
    }
    return group
  }

  /** Whether the kernel ends all of a group when it is out of memory; else it picks one process. */
  get killsWhole(): boolean {
    return this.#killsWhole
  }

  /** Where a worker's group is, or is to be. */
  of(name: string): string {
    return `${this.path}/${name}`
  }

  /** Removes everything that was made, with whatever runs in it. */
  async close(): Promise<void> {
    await this.#removeWorkers()
    for (const undo of this.#undo.splice(0).reverse()) await undo().catch(() => {})
  }

  async #open(): Promise<void> {
    const { files } = this.machine
    const { path, version } = this.#place
    if (version === 2 && !wordsIn(await files.read(`${path}/cgroup.controllers`)).includes("memory"))
      throw new Error("the memory controller is not handed down to it")
    await sweep(this.machine, this.#place)
    await files.make(this.path)
    this.#undo.push(() => this.#remove())
    if (version === 2) await this.#handDown()
    await this.#try()
  }

  async #removeWorkers(): Promise<void> {
    for (const name of await this.machine.files.groupsIn(this.path).catch(() => []))
      if (name !== OWN_LEAF) await removeGroup(this.machine, this.of(name))
  }

  /** A worker that ended just now may have been on its way into a group: that one is removed too. */
  async #remove(): Promise<void> {
    for (const pause of REMOVAL_WAITS_MS) {
      try {
        return await this.machine.files.remove(this.path)
      } catch (cause) {
        if (errnoOf(cause) !== "EBUSY") return
        await this.machine.wait(pause)
        await this.#removeWorkers()
      }
    }
  }

  /** Version 2: lets the groups of workers have the memory controller. */
  async #handDown(): Promise<void> {
    const { files, self } = this.machine
    const above = this.#place.path
    const control = `${above}/cgroup.subtree_control`
    const enable = async (): Promise<void> => {
      await files.write(control, "+memory")
      this.#undo.push(() => files.write(control, "-memory"))
    }
    if (!wordsIn(await files.read(control)).includes("memory")) {
      try {
        await enable()
      } catch (cause) {
        if (errnoOf(cause) !== "EBUSY") throw cause
        const others = wordsIn(await files.read(`${above}/cgroup.procs`)).filter(
          (pid) => pid !== String(self.pid)
        )
        if (others.length > 0) {
          throw new Error(
            `${others.length} other processes are in it; start the server in one of its own, for instance by systemd-run --scope -p Delegate=yes`,
            { cause }
          )
        }
        await files.make(this.of(OWN_LEAF))
        this.#undo.push(() => files.remove(this.of(OWN_LEAF)))
        await files.write(`${this.of(OWN_LEAF)}/cgroup.procs`, String(self.pid))
        this.#undo.push(() => files.write(`${above}/cgroup.procs`, String(self.pid)))
        await enable()
      }
    }
    await files.write(`${this.path}/cgroup.subtree_control`, "+memory")
    this.#undo.push(() => files.write(`${this.path}/cgroup.subtree_control`, "-memory"))
  }

  /** Takes a process through all that a worker's group is for. */
  async #try(): Promise<void> {
    const { files, startProbe } = this.machine
    const group = this.of("probe")
    const probe = startProbe()
    try {
      await files.make(group)
      await files.write(`${group}/cgroup.procs`, String(probe.pid))
      if (!wordsIn(await files.read(`${group}/cgroup.procs`)).includes(String(probe.pid)))
        throw new Error("a process that was put into a group is not in it")
      await files.read(`${group}/${this.dialect.usage}`)
      await writeLimit(files, this.dialect, group, 64 * MiB)
      this.#killsWhole = await this.#triesWhole(group)
      const [counters = ""] = this.dialect.counters
      if (!/^oom_kill \d+$/m.test(await files.read(`${group}/${counters}`)))
        throw new Error("the kernel does not count what it kills in a group")
    } finally {
      await probe.end()
      await removeGroup(this.machine, group)
    }
  }

  async #triesWhole(group: string): Promise<boolean> {
    const { killWhole } = this.dialect
    if (killWhole === null) return false
    return await this.machine.files.write(`${group}/${killWhole.file}`, killWhole.text).then(
      () => true,
      () => false
    )
  }
}

/** Holds a group to so many bytes. Fails with EBUSY (version 1) where it has more than that already. */
export const writeLimit = async (
  files: GroupFiles,
  dialect: GroupDialect,
  group: string,
  bytes: number
): Promise<void> => {
  for (const { file, optional, text } of dialect.limit(bytes)) {
    try {
      await files.write(`${group}/${file}`, text)
    } catch (cause) {
      if (!optional || errnoOf(cause) === "EBUSY") throw cause
    }
  }
}
