import { spawnSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CaseFailure } from "../../model/Case.ts"
import type { Bench } from "../Bench.ts"

/** A file system of the case's own. */
export interface Disk {
  readonly path: string
}

/**
 * Mounts a file system in memory of so many KiB, until the case is over. Where nobody may mount here, that is a failure of the
 * case's prerequisites and no reason to leave it out.
 */
export const smallDisk = async (bench: Pick<Bench, "after">, kibibytes: number): Promise<Disk> => {
  const path = mkdtempSync(join(tmpdir(), "bbc-disk-"))
  const { error, status, stderr } = spawnSync(
    "mount",
    ["-t", "tmpfs", "-o", `size=${kibibytes}k`, "tmpfs", path],
    {
      encoding: "utf8"
    }
  )
  if (status !== 0) {
    rmdirSync(path)
    throw new CaseFailure(
      "a prerequisite is missing: a small disk cannot be mounted here (run as root, or by `unshare -rm`)",
      { observed: error?.message ?? stderr.trim() }
    )
  }
  const unmount = () => {
    spawnSync("umount", ["--lazy", path])
    rmdirSync(path)
  }
  // also where nobody waits for the end of a case, after a second Ctrl-C
  process.once("exit", unmount)
  bench.after(() => {
    process.off("exit", unmount)
    unmount()
  })
  return { path }
}

const CHUNK = 64 * 1024

/** Fills a small disk to its last byte; gives what makes room again. */
export const fillDisk = ({ path }: Disk): (() => void) => {
  const ballast = join(path, "ballast")
  const file = openSync(ballast, "w")
  try {
    for (let size = CHUNK; size >= 1;) {
      try {
        if (writeSync(file, Buffer.alloc(size)) < size) throw new Error("short")
      } catch {
        size = Math.floor(size / 2)
      }
    }
  } finally {
    closeSync(file)
  }
  return () => rmSync(ballast, { force: true })
}
