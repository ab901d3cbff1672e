import { Effect } from "effect"
import { mkdtempSync, rmdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * These faults cannot be had otherwise as root. `scripts/test.mjs` runs this suite in a namespace of its own where it is
 * not root. Without the privilege the test fails: a skip would look like a pass.
 */
const mount = (...args: ReadonlyArray<string>) => {
  const { exitCode, stderr } = Bun.spawnSync(["mount", ...args])
  if (exitCode !== 0) {
    throw new Error(
      `this test mounts file systems: run npm run test:failure as root, or where \`unshare -rm\` works: mount: ${stderr.toString().trim()}`
    )
  }
}

/** A file system in memory of so many KiB, mounted until the scope closes. */
export const tinyFileSystem = (kibibytes: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "bunbase-mount-"))
      try {
        mount("-t", "tmpfs", "-o", `size=${kibibytes}k`, "tmpfs", folder)
      } catch (cause) {
        rmdirSync(folder)
        throw cause
      }
      return folder
    }),
    (folder) =>
      Effect.sync(() => {
        Bun.spawnSync(["umount", "--lazy", folder])
        rmdirSync(folder)
      })
  )

export const makeReadOnly = (folder: string) => mount("-o", "remount,bind,ro", folder)
