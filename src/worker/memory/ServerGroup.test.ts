import { describe, expect, it } from "vitest"
import { FakeGroups, type FakeGroupsOptions } from "../../../tests/support/FakeGroups.ts"
import { openGroup } from "./chooseMemoryLimits.ts"
import { ServerGroup } from "./ServerGroup.ts"

const SELF = { pid: 100, started: "5000", pidNamespace: "4026" }
const NAME = "bunbase-4026-100-5000"
const OWN = "/sys/fs/cgroup/service"

const groups = (options: Partial<FakeGroupsOptions> & Pick<FakeGroupsOptions, "version">) =>
  new FakeGroups({ own: OWN, members: [SELF.pid], ...options })
const open = (fake: FakeGroups, version: 1 | 2, running: ReadonlyArray<string> = []) =>
  ServerGroup.open({ version, path: OWN }, fake.machine(SELF, running))
const reasonOf = async (opening: Promise<unknown>): Promise<string> => {
  try {
    await opening
  } catch (cause) {
    return (cause as Error).message
  }
  throw new Error("it was opened")
}

describe("the server's control group, version 1", () => {
  it("is made beside the server, after a process has gone through all of a worker's group", async () => {
    const fake = groups({ version: 1, members: [100, 7] })
    const group = await open(fake, 1)
    expect(fake.made).toEqual([NAME])
    expect(fake.membersOf(OWN)).toEqual([100, 7])
    expect(fake.written).toEqual([
      `${OWN}/${NAME}/probe/cgroup.procs = 9001`,
      `${OWN}/${NAME}/probe/memory.limit_in_bytes = 67108864`,
      `${OWN}/${NAME}/probe/memory.memsw.limit_in_bytes = 67108864`
    ])
    expect(group.killsWhole).toBe(false)
    await group.close()
    expect(fake.made).toEqual([])
    expect(fake.killed).toEqual([])
  })

  it("does without a limit on swap where the kernel accounts for none", async () => {
    const fake = groups({ version: 1 })
    const { write } = fake.files
    Object.assign(fake.files, {
      write: (file: string, text: string) =>
        file.includes("memsw")
          ? Promise.reject(Object.assign(new Error("no"), { code: "ENOENT" }))
          : write(file, text)
    })
    expect((await open(fake, 1)).path).toBe(`${OWN}/${NAME}`)
  })

  it.each([
    ["no group can be made", { make: "EROFS" }, "EROFS"],
    ["no limit can be set", { limit: "EACCES" }, "EACCES"],
    ["no process can be put in", { attach: "EPERM" }, "EPERM"]
  ])("is refused, and nothing is left, where %s", async (_, failing, errno) => {
    const fake = groups({ version: 1, failing })
    expect(await reasonOf(open(fake, 1))).toContain(`${OWN}: ${errno}`)
    expect(fake.made).toEqual([])
    expect(fake.membersOf(OWN)).toEqual([100])
  })

  it("removes what runs in it still at the end, as soon as the kernel lets go of it", async () => {
    const fake = groups({ version: 1 })
    const group = await open(fake, 1)
    fake.put(group.of("w1-1"), [200, 201])
    fake.lingering.set(201, 3)
    await group.close()
    expect(fake.killed).toContain(200)
    expect(fake.made).toEqual([])
  })

  it("removes a group at its end that appears while it is removed", async () => {
    const fake = groups({ version: 1 })
    const group = await open(fake, 1)
    const { remove } = fake.files
    let late = true
    Object.assign(fake.files, {
      remove: async (path: string) => {
        if (path === group.path && late) {
          late = false
          fake.put(group.of("w1-9"), [209])
        }
        await remove(path)
      }
    })
    await group.close()
    expect(fake.made).toEqual([])
  })

  it("ends neither itself nor, with a process that it cannot see, its own process group", async () => {
    const fake = groups({ version: 1 })
    const group = await open(fake, 1)
    fake.put(group.of("w1-1"), [0, 100, 200])
    await group.close()
    expect(fake.killed).toEqual(Array.from({ length: fake.killed.length }, () => 200))
    expect(fake.killed).not.toEqual([])
  })

  it("sweeps what servers that are gone have left, and touches nobody else's", async () => {
    const fake = groups({ version: 1 })
    const gone = `${OWN}/bunbase-4026-90-400`
    const again = `${OWN}/bunbase-4026-100-1`
    const others = [
      `${OWN}/bunbase-4026-91-401`,
      `${OWN}/bunbase-9999-90-400`,
      `${OWN}/bunbase-4026-x-1`,
      `${OWN}/bunbase-4026-90-400-1`,
      `${OWN}/system`
    ]
    for (const path of [gone, again, ...others]) fake.put(path)
    fake.put(`${gone}/w1-1`, [300])
    fake.put(`${gone}/w1-2`)
    fake.put(`${OWN}/system/inner`, [301])
    await open(fake, 1, ["91-401"])
    expect(fake.killed).toEqual([300])
    expect(fake.made).toEqual(
      [NAME, "system/inner", ...others.map((path) => path.slice(OWN.length + 1))].sort()
    )
  })
})

describe("the server's control group, version 2", () => {
  it("has the server move into a group of its own, because processes and groups may not be side by side", async () => {
    const fake = groups({ version: 2 })
    const group = await open(fake, 2)
    expect(fake.made).toEqual([NAME, `${NAME}/server`])
    expect(fake.membersOf(`${group.path}/server`)).toEqual([100])
    expect(fake.get(`${OWN}/cgroup.subtree_control`)).toBe("memory")
    expect(fake.get(`${group.path}/cgroup.subtree_control`)).toBe("memory")
    expect(group.killsWhole).toBe(true)
    fake.put(group.of("w1-1"), [200])
    await group.close()
    expect(fake.made).toEqual([])
    expect(fake.membersOf(OWN)).toEqual([100])
    expect(fake.get(`${OWN}/cgroup.subtree_control`)).toBe("")
  })

  it("leaves the server where it is in the root, which is exempt", async () => {
    const fake = groups({ version: 2, isRoot: true, members: [1, 100] })
    const group = await open(fake, 2)
    expect(fake.membersOf(OWN)).toEqual([1, 100])
    await group.close()
    expect(fake.made).toEqual([])
  })

  it("is refused where others are in the server's group, whom it may not move", async () => {
    const fake = groups({ version: 2, members: [1, 100, 101] })
    expect(await reasonOf(open(fake, 2))).toMatch(/2 other processes are in it.*Delegate=yes/)
    expect(fake.made).toEqual([])
    expect(fake.membersOf(OWN)).toEqual([1, 100, 101])
    expect(fake.get(`${OWN}/cgroup.subtree_control`)).toBe("")
  })

  it("is refused where the memory controller is not handed down", async () => {
    const fake = groups({ version: 2, delegated: false })
    expect(await reasonOf(open(fake, 2))).toContain("the memory controller is not handed down")
    expect(fake.made).toEqual([])
  })

  it("goes back to where the server was when it turns out that no limit can be set", async () => {
    const fake = groups({ version: 2, failing: { limit: "EACCES" } })
    expect(await reasonOf(open(fake, 2))).toContain("EACCES")
    expect(fake.made).toEqual([])
    expect(fake.membersOf(OWN)).toEqual([100])
    expect(fake.get(`${OWN}/cgroup.subtree_control`)).toBe("")
  })

  it("does without the end of whole groups on a kernel that has it not", async () => {
    const group = await open(groups({ version: 2, failing: { killWhole: "ENOENT" } }), 2)
    expect(group.killsWhole).toBe(false)
  })
})

describe("which control group is taken", () => {
  const self = (cgroup: string, mountinfo: string) => () => ({ cgroup, mountinfo })

  it("tells of each that cannot be had why", async () => {
    const fake = groups({ version: 2, delegated: false })
    const mountinfo = [
      "33 24 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
      "32 24 0:28 / /sys/fs/cgroup rw - cgroup cgroup rw,memory"
    ].join("\n")
    const reason = await openGroup(self("4:memory:/none\n0::/service\n", mountinfo), () => fake.machine(SELF))
    expect(reason).toMatch(/^cgroup v2 at .*not handed down to it; cgroup v1 at .*ENOENT/)
  })

  it("is none where no controller is mounted, or nothing can be read", async () => {
    const machine = () => groups({ version: 2 }).machine(SELF)
    expect(await openGroup(self("", ""), machine)).toBe("no memory controller of control groups is mounted")
    const unreadable = (): never => {
      throw new Error("EACCES: /proc/self/cgroup")
    }
    expect(await openGroup(unreadable, machine)).toBe("EACCES: /proc/self/cgroup")
  })
})
