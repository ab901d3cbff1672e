import type { GroupFiles } from "../../src/worker/memory/GroupFiles.ts"
import type { GroupMachine } from "../../src/worker/memory/ServerGroup.ts"

const failed = (code: string): Error => Object.assign(new Error(`${code}: as the kernel would say`), { code })

interface Group {
  readonly files: Map<string, string>
  readonly processes: Set<number>
}

export interface FakeGroupsOptions {
  readonly version: 1 | 2
  /** The group that the server is in, e.g. `/sys/fs/cgroup/service`; those above it are there too. */
  readonly own: string
  /** Process ids in it, the server's own among them. */
  readonly members: ReadonlyArray<number>
  /** Version 2: no process beside groups holds for every group but the root. */
  readonly isRoot?: boolean
  /** Version 2: whether the memory controller is handed down to the own group. */
  readonly delegated?: boolean
  /** Operations that fail, e.g. `{ make: "EROFS" }`. */
  readonly failing?: Partial<Record<"make" | "limit" | "attach" | "killWhole", string>>
}

/**
 * The file system of control groups without a kernel: groups appear with their files, hold processes, refuse to be removed
 * while they do, and in version 2 keep to the rule that there are no processes beside groups that have a controller.
 */
export class FakeGroups {
  readonly groups = new Map<string, Group>()
  /** Everything that was written, in order: `group/file = text`. */
  readonly written: Array<string> = []
  readonly killed: Array<number> = []
  /** Process ids that live on after SIGKILL for so many looks. */
  readonly lingering = new Map<number, number>()
  readonly #options: FakeGroupsOptions
  nextProbe = 9_000

  constructor(options: FakeGroupsOptions) {
    this.#options = options
    this.#add(options.own)
    for (const pid of options.members) this.#group(options.own).processes.add(pid)
    if (options.version === 2)
      this.set(`${options.own}/cgroup.controllers`, options.delegated === false ? "cpu" : "cpu memory")
  }

  /** The groups below the server's own, as paths from there. */
  get made(): ReadonlyArray<string> {
    const { own } = this.#options
    return [...this.groups.keys()]
      .filter((path) => path.startsWith(`${own}/`))
      .map((path) => path.slice(own.length + 1))
      .sort()
  }

  membersOf(path: string): ReadonlyArray<number> {
    return [...this.#group(path).processes]
  }

  /** Puts a group there that somebody else has made. */
  put(path: string, processes: ReadonlyArray<number> = []): void {
    this.#add(path)
    for (const pid of processes) this.#group(path).processes.add(pid)
  }

  set(file: string, text: string): void {
    const [group, name] = this.#split(file)
    this.#group(group).files.set(name, text)
  }

  get(file: string): string {
    const [group, name] = this.#split(file)
    const { files, processes } = this.#group(group)
    if (name === "cgroup.procs") return [...processes].map((pid) => `${pid}\n`).join("")
    const text = files.get(name)
    if (text === undefined) throw failed("ENOENT")
    return text
  }

  /** A process is no more. */
  exit(pid: number): void {
    for (const { processes } of this.groups.values()) processes.delete(pid)
  }

  readonly files: GroupFiles = {
    make: async (path) => {
      const { failing } = this.#options
      if (failing?.make !== undefined) throw failed(failing.make)
      if (this.groups.has(path)) throw failed("EEXIST")
      this.#group(path.slice(0, path.lastIndexOf("/")))
      this.#add(path)
    },
    remove: async (path) => {
      const group = this.#group(path)
      for (const pid of group.processes) {
        const left = this.lingering.get(pid)
        if (left === undefined) continue
        if (left > 0) this.lingering.set(pid, left - 1)
        else this.exit(pid)
      }
      const inner = [...this.groups.keys()].some((other) => other.startsWith(`${path}/`))
      if (group.processes.size > 0 || inner) throw failed("EBUSY")
      this.groups.delete(path)
    },
    write: async (file, text) => {
      const [path, name] = this.#split(file)
      const group = this.#group(path)
      if (name === "cgroup.procs") this.#attach(path, Number(text))
      else if (name === "cgroup.subtree_control") this.#control(path, text)
      else {
        const { failing } = this.#options
        if (!group.files.has(name)) throw failed("ENOENT")
        if (name.endsWith("limit_in_bytes") || name === "memory.max") {
          if (failing?.limit !== undefined) throw failed(failing.limit)
        }
        if (name === "memory.oom.group" && failing?.killWhole !== undefined) throw failed(failing.killWhole)
        group.files.set(name, text)
      }
      this.written.push(`${file} = ${text}`)
    },
    read: async (file) => this.get(file),
    readNow: (file) => this.get(file),
    groupsIn: async (path) => {
      this.#group(path)
      return [...this.groups.keys()]
        .filter((other) => other.startsWith(`${path}/`) && !other.slice(path.length + 1).includes("/"))
        .map((other) => other.slice(path.length + 1))
    }
  }

  /** A machine with these groups; of other servers, those run that are named as `pid-started`. */
  machine(self: GroupMachine["self"], running: ReadonlyArray<string> = []): GroupMachine {
    return {
      files: this.files,
      self,
      isAlive: (pid, started) => running.includes(`${pid}-${started}`),
      kill: (pid) => {
        this.killed.push(pid)
        if (!this.lingering.has(pid)) this.exit(pid)
      },
      wait: async () => {},
      startProbe: () => {
        const pid = (this.nextProbe += 1)
        this.#group(this.#options.own).processes.add(pid)
        return { pid, end: async () => this.exit(pid) }
      }
    }
  }

  #split(file: string): readonly [string, string] {
    const at = file.lastIndexOf("/")
    return [file.slice(0, at), file.slice(at + 1)]
  }

  #group(path: string): Group {
    const group = this.groups.get(path)
    if (group === undefined) throw failed("ENOENT")
    return group
  }

  #add(path: string): void {
    const files =
      this.#options.version === 1
        ? {
            "memory.limit_in_bytes": "9223372036854771712",
            "memory.memsw.limit_in_bytes": "9223372036854771712",
            "memory.usage_in_bytes": "0",
            "memory.max_usage_in_bytes": "0",
            "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"
          }
        : {
            "cgroup.subtree_control": "",
            "memory.max": "max",
            "memory.swap.max": "max",
            "memory.current": "0",
            "memory.peak": "0",
            "memory.oom.group": "0",
            "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"
          }
    this.groups.set(path, { files: new Map(Object.entries(files)), processes: new Set() })
  }

  #attach(path: string, pid: number): void {
    const { failing, isRoot, own, version } = this.#options
    if (failing?.attach !== undefined) throw failed(failing.attach)
    const holder = [...this.groups.values()].find(({ processes }) => processes.has(pid))
    if (holder === undefined) throw failed("ESRCH")
    const exempt = version === 1 || (isRoot === true && path === own)
    if (!exempt && this.get(`${path}/cgroup.subtree_control`) !== "") throw failed("EBUSY")
    holder.processes.delete(pid)
    this.#group(path).processes.add(pid)
  }

  #control(path: string, text: string): void {
    const { isRoot, own } = this.#options
    const exempt = isRoot === true && path === own
    if (text === "+memory") {
      if (!exempt && this.#group(path).processes.size > 0) throw failed("EBUSY")
      const above = path.slice(0, path.lastIndexOf("/"))
      if (path !== own && this.get(`${above}/cgroup.subtree_control`) !== "memory") throw failed("ENOENT")
    } else if ([...this.groups.keys()].some((other) => other.startsWith(`${path}/`) && this.#hands(other)))
      throw failed("EBUSY")
    this.set(`${path}/cgroup.subtree_control`, text === "+memory" ? "memory" : "")
  }

  #hands(path: string): boolean {
    return this.get(`${path}/cgroup.subtree_control`) !== ""
  }
}
