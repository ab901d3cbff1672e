import { describe, expect, it } from "vitest"
import { FakeGroups, type FakeGroupsOptions } from "../../../tests/support/FakeGroups.ts"
import { SimulatedClock } from "../../../tests/support/SimulatedClock.ts"
import { GroupedMemory, KILLS_LOOK_MS } from "./GroupedMemory.ts"
import { MiB } from "./MemoryLimits.ts"
import { ServerGroup } from "./ServerGroup.ts"

const OWN = "/sys/fs/cgroup/service"
/** No process of this machine has this id: what it has is nothing. */
const PID = 99_999_999

/** Until everything has settled that waits for nothing but promises. */
const settled = async (): Promise<void> => {
  for (let turns = 0; turns < 100; turns += 1) await Promise.resolve()
}

const held = async (
  version: 1 | 2,
  failing: FakeGroupsOptions["failing"] = {},
  { chargedMb, hasMb } = { hasMb: 0, chargedMb: 0 }
) => {
  const clock = new SimulatedClock()
  const options = {
    own: OWN,
    members: [100],
    version,
    failing: {} as NonNullable<FakeGroupsOptions["failing"]>
  }
  const fake = new FakeGroups(options)
  const server = await ServerGroup.open(
    { version, path: OWN },
    fake.machine({ pid: 100, started: "1", pidNamespace: "4" })
  )
  Object.assign(options.failing, failing)
  fake.put(`${OWN}/home`, [PID])
  const state = { gone: false, busy: true }
  /** What the process has, as `/proc` tells it. */
  const own = { bytes: hasMb * MiB }
  const { make } = fake.files
  Object.assign(fake.files, {
    make: async (path: string) => {
      await make(path)
      fake.set(`${path}/memory.usage_in_bytes`, String(chargedMb * MiB))
    }
  })
  const killed: Array<number> = []
  const said: Array<string> = []
  const memory = new GroupedMemory(
    {
      pid: PID,
      name: "w1-1",
      kill: () => killed.push(PID),
      isGone: () => state.gone,
      say: (message) => said.push(message)
    },
    server,
    clock.service,
    () => own.bytes
  )
  memory.occupiedWhile(() => state.busy)
  await settled()
  const group = server.of("w1-1")
  return { clock, fake, group, killed, memory, own, said, server, state }
}

describe("a worker in a control group, version 1", () => {
  it("is held to its memory, with swap, and its group is gone after it", async () => {
    const { fake, group, memory } = await held(1)
    expect(fake.membersOf(group)).toEqual([PID])
    memory.limitTo(64)
    await settled()
    expect(fake.get(`${group}/memory.limit_in_bytes`)).toBe(String(64 * MiB))
    expect(fake.get(`${group}/memory.memsw.limit_in_bytes`)).toBe(String(64 * MiB))
    expect(memory.end()).toBeNull()
    memory.release()
    await settled()
    expect(fake.groups.has(group)).toBe(false)
  })

  it("has ended for its memory when the kernel has killed in its group, at its limit", async () => {
    const { fake, group, memory } = await held(1)
    memory.limitTo(64)
    await settled()
    fake.set(`${group}/memory.oom_control`, "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    fake.set(`${group}/memory.max_usage_in_bytes`, String(64 * MiB))
    expect(memory.end()).toEqual({ _tag: "Limit", reading: { by: "cgroup", usedMb: 64, peakMb: 64 } })
  })

  it("has ended for the machine's when it was not at its limit, or had none", async () => {
    const { fake, group, memory } = await held(1)
    fake.set(`${group}/memory.oom_control`, "oom_kill 1\n")
    fake.set(`${group}/memory.max_usage_in_bytes`, String(20 * MiB))
    expect(memory.end()).toEqual({ _tag: "Machine" })
    memory.limitTo(64)
    await settled()
    expect(memory.end()).toEqual({ _tag: "Machine" })
  })

  it("is ended when the kernel has killed only what it had started", async () => {
    const { clock, fake, group, killed, memory } = await held(1)
    memory.limitTo(64)
    await settled()
    clock.advance(10 * KILLS_LOOK_MS)
    expect(killed).toEqual([])
    fake.set(`${group}/memory.oom_control`, "oom_kill 1\n")
    fake.set(`${group}/memory.max_usage_in_bytes`, String(64 * MiB))
    clock.advance(KILLS_LOOK_MS)
    await settled()
    expect(killed).toEqual([PID])
    expect(fake.killed).toContain(PID)
    expect(memory.end()).toMatchObject({ _tag: "Limit" })
    expect(clock.armed).toBe(0)
  })

  it("is ended when it has more than its limit before that is set", async () => {
    const { killed, memory } = await held(1, { limit: "EBUSY" })
    memory.limitTo(64)
    await settled()
    expect(killed).toEqual([PID])
    expect(memory.end()).toMatchObject({ _tag: "Limit" })
  })

  it("is looked at once it is ready, for as long as its limit is not set", async () => {
    const { killed, memory, own } = await held(1)
    expect(memory.exceeds()).toBe(false)
    own.bytes = 100 * MiB
    expect(memory.exceeds()).toBe(false)
    memory.limitTo(64)
    expect(memory.exceeds()).toBe(true)
    expect(killed).toEqual([PID])
    expect(memory.end()).toEqual({ _tag: "Limit", reading: { by: "cgroup", usedMb: 100, peakMb: 100 } })
    const other = await held(1)
    other.memory.limitTo(64)
    await settled()
    other.own.bytes = 100 * MiB
    // The kernel would not let it.
    expect(other.memory.exceeds()).toBe(false)
  })

  it("has what it had before it was in its group taken off its limit", async () => {
    const { fake, group, memory } = await held(1, {}, { hasMb: 10, chargedMb: 4 })
    memory.limitTo(64)
    await settled()
    expect(fake.get(`${group}/memory.limit_in_bytes`)).toBe(String(58 * MiB))
    fake.set(`${group}/memory.oom_control`, "oom_kill 1\n")
    fake.set(`${group}/memory.max_usage_in_bytes`, String(58 * MiB))
    expect(memory.end()).toEqual({ _tag: "Limit", reading: { by: "cgroup", usedMb: 64, peakMb: 64 } })
  })

  it.each([
    ["put into a group", { attach: "EPERM" }],
    ["given a group", { make: "ENOSPC" }],
    ["held to its limit", { limit: "EIO" }]
  ])("is looked at instead where it cannot be %s, and says so", async (_, failing) => {
    const { clock, group, fake, memory, said } = await held(1, failing)
    memory.limitTo(64)
    await settled()
    expect(said).toHaveLength(1)
    expect(said[0]).toContain(Object.values(failing)[0])
    expect(clock.armed).toBe(1)
    memory.release()
    await settled()
    expect(fake.groups.has(group)).toBe(false)
  })

  it("that has ended before it could be put in needs no group, and is no failure", async () => {
    const { fake, group, memory, said } = await held(1, { attach: "ESRCH" })
    memory.limitTo(64)
    await settled()
    expect(said).toEqual([])
    expect(fake.groups.has(group)).toBe(false)
    expect(memory.end()).toBeNull()
  })

  it("takes with it what it has started", async () => {
    const { fake, group, memory } = await held(1)
    fake.put(`${OWN}/elsewhere`, [300])
    await fake.files.write(`${group}/cgroup.procs`, "300")
    fake.exit(PID)
    memory.release()
    await settled()
    expect(fake.killed).toContain(300)
    expect(fake.groups.has(group)).toBe(false)
  })
})

describe("a worker in a control group, version 2", () => {
  it("is held to its memory without swap, and ends as a whole", async () => {
    const { clock, fake, group, memory } = await held(2)
    memory.limitTo(64)
    await settled()
    expect(fake.get(`${group}/memory.oom.group`)).toBe("1")
    expect(fake.get(`${group}/memory.swap.max`)).toBe("0")
    expect(fake.get(`${group}/memory.max`)).toBe(String(64 * MiB))
    // The kernel leaves nothing over that would have to be looked for.
    expect(clock.armed).toBe(0)
  })

  it("has ended for its memory, or for the machine's, as its events say", async () => {
    const { fake, group, memory } = await held(2)
    memory.limitTo(64)
    await settled()
    fake.set(`${group}/memory.events`, "low 0\nhigh 0\nmax 9\noom 0\noom_kill 1\noom_group_kill 0\n")
    expect(memory.end()).toEqual({ _tag: "Machine" })
    fake.set(`${group}/memory.events`, "low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 1\n")
    fake.set(`${group}/memory.peak`, String(63.9 * MiB))
    expect(memory.end()).toEqual({ _tag: "Limit", reading: { by: "cgroup", usedMb: 63.9, peakMb: 63.9 } })
  })
})
