import { describe, expect, it } from "vitest"
import { groupPlaces } from "./GroupPlace.ts"

const tmpfs = "24 1 0:22 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755"

describe("the control groups of this process", () => {
  it("are found in version 2, wherever the process is", () => {
    const mountinfo = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
    expect(groupPlaces({ cgroup: "0::/system.slice/bunbase.service\n", mountinfo })).toEqual([
      { version: 2, path: "/sys/fs/cgroup/system.slice/bunbase.service" }
    ])
    expect(groupPlaces({ cgroup: "0::/\n", mountinfo })).toEqual([{ version: 2, path: "/sys/fs/cgroup" }])
  })

  it("are found in version 1, in the hierarchy of the memory controller", () => {
    const mountinfo = [
      tmpfs,
      "31 24 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
      "32 24 0:28 / /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory"
    ].join("\n")
    expect(groupPlaces({ cgroup: "4:memory:/jobs/7\n1:cpu:/other\n", mountinfo })).toEqual([
      { version: 1, path: "/sys/fs/cgroup/memory/jobs/7" }
    ])
  })

  it("are tried in version 2 first where a machine has both", () => {
    const mountinfo = [
      "32 24 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory,hugetlb",
      "33 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
    ].join("\n")
    const cgroup = "3:memory,hugetlb:/a\n0::/b\n"
    expect(groupPlaces({ cgroup, mountinfo }).map(({ path, version }) => `${version} ${path}`)).toEqual([
      "2 /sys/fs/cgroup/unified/b",
      "1 /sys/fs/cgroup/memory/a"
    ])
  })

  it("are found where only a part of the hierarchy is mounted, as in a container", () => {
    const mountinfo =
      "32 24 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n" +
      String.raw`33 24 0:29 /docker/abc /mnt/with\040blank rw - cgroup2 cgroup2 rw`
    expect(groupPlaces({ cgroup: "4:memory:/docker/abc/inner\n0::/docker/abc\n", mountinfo })).toEqual([
      { version: 2, path: "/mnt/with blank" },
      { version: 1, path: "/sys/fs/cgroup/memory/inner" }
    ])
  })

  it("are none where the own group lies outside of what is mounted, or nothing is", () => {
    const mountinfo = "32 24 0:28 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
    for (const cgroup of ["0::/docker/abcd\n", "0::/../other\n", "4:memory:/\n", ""])
      expect(groupPlaces({ cgroup, mountinfo })).toEqual([])
    expect(groupPlaces({ cgroup: "0::/\n", mountinfo: tmpfs })).toEqual([])
    expect(groupPlaces({ cgroup: "0::/\n", mountinfo: "" })).toEqual([])
  })
})
