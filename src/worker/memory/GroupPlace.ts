/** The control group that this process is in, where its memory controller can be reached. */
export interface GroupPlace {
  readonly version: 1 | 2
  /** Its folder. */
  readonly path: string
}

/** What the kernel says in `/proc/self`. */
export interface SelfFiles {
  /** `/proc/self/cgroup` */
  readonly cgroup: string
  /** `/proc/self/mountinfo` */
  readonly mountinfo: string
}

interface Mount {
  readonly type: string
  /** What of the hierarchy is mounted there. */
  readonly root: string
  readonly at: string
  readonly options: ReadonlyArray<string>
}

/** Blanks and backslashes in paths are written in octal. */
const unescape = (path: string): string =>
  path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

const mountsIn = (mountinfo: string): ReadonlyArray<Mount> =>
  mountinfo.split("\n").flatMap((line) => {
    const [before, after] = line.split(" - ")
    const [, , , root, at] = before?.split(" ") ?? []
    const [type, , options] = after?.split(" ") ?? []
    return type?.startsWith("cgroup") && root !== undefined && at !== undefined
      ? [{ type, root: unescape(root), at: unescape(at), options: (options ?? "").split(",") }]
      : []
  })

/** Where a group of the hierarchy lies in the file system; null where the mount does not show it. */
const within = ({ at, root }: Mount, group: string): string | null => {
  if (group.includes("/..")) return null
  if (root === "/") return group === "/" ? at : `${at}${group}`
  if (group === root) return at
  return group.startsWith(`${root}/`) ? `${at}${group.slice(root.length)}` : null
}

/**
 * The groups whose memory controller this process may be under, version 2 before 1. A machine may have both hierarchies, and
 * the controller belongs to one of them: which one, the folder of version 2 says (`cgroup.controllers`).
 */
export const groupPlaces = ({ cgroup, mountinfo }: SelfFiles): ReadonlyArray<GroupPlace> => {
  const mounts = mountsIn(mountinfo)
  const found: Array<GroupPlace> = []
  for (const version of [2, 1] as const) {
    const mount = mounts.find(({ options, type }) =>
      version === 2 ? type === "cgroup2" : type === "cgroup" && options.includes("memory")
    )
    const own = cgroup
      .split("\n")
      .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
      .find((match) => (version === 2 ? match?.[1] === "" : match?.[1]?.split(",").includes("memory")))?.[2]
    const path = mount === undefined || own === undefined ? null : within(mount, own)
    if (path !== null) found.push({ version, path })
  }
  return found
}
