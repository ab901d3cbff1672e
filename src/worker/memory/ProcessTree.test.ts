import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ProcessTree } from "./ProcessTree.ts"

const KiB = 1024

describe("the memory of a process and of what it has started", () => {
  let proc = ""
  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), "bunbase-proc-"))
  })
  afterEach(() => rmSync(proc, { recursive: true, force: true }))

  interface Facts {
    readonly anon: number
    readonly shmem?: number
    readonly swap?: number
    readonly size?: number
    readonly started?: number
    /** Children by thread; the first thread bears the process's id. */
    readonly children?: Readonly<Record<number, ReadonlyArray<number>>>
  }
  const put = (
    pid: number,
    { anon, children = {}, shmem = 0, size = pid, started = pid, swap = 0 }: Facts
  ) => {
    for (const thread of [pid, ...Object.keys(children)]) {
      mkdirSync(join(proc, `${pid}/task/${thread}`), { recursive: true })
      const list = children[Number(thread)] ?? []
      writeFileSync(join(proc, `${pid}/task/${thread}/children`), list.map((child) => `${child} `).join(""))
    }
    writeFileSync(
      join(proc, `${pid}/status`),
      `Name:\ta b\nVmSize:\t${size} kB\nVmRSS:\t999999 kB\nRssAnon:\t${anon} kB\nRssFile:\t50000 kB\nRssShmem:\t${shmem} kB\nVmSwap:\t${swap} kB\n`
    )
    const fields = ["S", "1", ...Array.from({ length: 17 }, () => "0"), String(started), "0"]
    writeFileSync(join(proc, `${pid}/stat`), `${pid} (a) b) ${fields.join(" ")}`)
  }
  const gone = (pid: number) => rmSync(join(proc, String(pid)), { recursive: true })

  it("is what they hold for themselves, swapped out or not, and no program's file", () => {
    put(10, { anon: 100, shmem: 20, swap: 3 })
    const tree = new ProcessTree(10, proc)
    expect(tree.read(0)).toBe(123 * KiB)
    expect(tree.hasDescendants).toBe(false)
  })

  it("counts children of children, and children of other threads", () => {
    put(10, { anon: 100, children: { 10: [11], 12: [13] } })
    put(11, { anon: 10, children: { 11: [14] } })
    put(13, { anon: 1 })
    put(14, { anon: 1000 })
    const tree = new ProcessTree(10, proc)
    expect(tree.read(0)).toBe(1111 * KiB)
    expect(tree.hasDescendants).toBe(true)
  })

  it("finds what is started later: at once by the first thread, after half a second by another", () => {
    put(10, { anon: 100 })
    const tree = new ProcessTree(10, proc)
    tree.read(0)
    put(10, { anon: 100, children: { 10: [11], 12: [13] } })
    put(11, { anon: 10 })
    put(13, { anon: 1 })
    expect(tree.read(50)).toBe(110 * KiB)
    expect(tree.read(500)).toBe(111 * KiB)
  })

  it("keeps what its parents have left behind in sight", () => {
    put(10, { anon: 100, children: { 10: [11] } })
    put(11, { anon: 10, children: { 11: [12] } })
    put(12, { anon: 1 })
    const tree = new ProcessTree(10, proc)
    tree.read(0)
    gone(11)
    put(10, { anon: 100 })
    expect(tree.read(50)).toBe(101 * KiB)
  })

  it("does not take another process for one that is gone and had its id", () => {
    put(10, { anon: 100, children: { 10: [11] } })
    put(11, { anon: 10, started: 500 })
    const tree = new ProcessTree(10, proc)
    tree.read(0)
    put(10, { anon: 100 })
    put(11, { anon: 7000, started: 600 })
    expect(tree.read(50)).toBe(100 * KiB)
    expect(tree.hasDescendants).toBe(false)
  })

  it("does not count memory twice that a child shares with its parent until it runs its program", () => {
    put(10, { anon: 100, size: 4000, children: { 10: [11] } })
    put(11, { anon: 100, size: 4000 })
    const tree = new ProcessTree(10, proc)
    expect(tree.read(0)).toBe(100 * KiB)
    put(11, { anon: 5, size: 300 })
    expect(tree.read(50)).toBe(105 * KiB)
  })

  it("is null when the process is gone, or nothing but its exit is left", () => {
    const tree = new ProcessTree(10, proc)
    expect(tree.read(0)).toBeNull()
    put(10, { anon: 1 })
    writeFileSync(join(proc, "10/status"), "Name:\ta\nState:\tZ (zombie)\n")
    expect(tree.read(0)).toBeNull()
  })
})
