import { randomUUID } from "node:crypto"
import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Reached } from "../domain/FaultPoint.ts"

/**
 * Files that are wholly there or not at all, and that survive a power cut once written. The order is what makes it
 * so: contents to the disk, then the name, then the folder that holds the name.
 */

/** Flushes a file's contents, or a folder's own entries: what was created, renamed or removed in it. */
export const sync = async (path: string): Promise<void> => {
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const write = async (path: string, content: Uint8Array | string): Promise<void> => {
  const handle = await open(path, "wx", 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A small file that says something for as long as it is there. */
export const placeMarker = async (path: string, content: string, reached: Reached): Promise<void> => {
  await rm(path, { force: true })
  await write(path, content)
  reached("marker:written")
  await sync(dirname(path))
  reached("marker:synced")
}

/**
 * Puts a folder with these files at `target`, in one step; what was there before is gone. `workspace` is a folder on the
 * same file system that is swept at every start: a crash leaves its leftovers only there.
 */
export const placeFolder = async (
  target: string,
  files: Readonly<Record<string, Uint8Array | string>>,
  workspace: string,
  reached: Reached
): Promise<void> => {
  const incoming = join(workspace, randomUUID())
  const outgoing = join(workspace, randomUUID())
  try {
    await mkdir(incoming, { recursive: true, mode: 0o700 })
    reached("folder:made")
    for (const [name, content] of Object.entries(files)) {
      await write(join(incoming, name), content)
      reached("folder:file-written")
    }
    await sync(incoming)
    reached("folder:files-synced")
    const made = await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    if (made !== undefined) await sync(dirname(made))
    // A folder that is not empty cannot be renamed over.
    await rename(target, outgoing).catch(ignoreMissing)
    reached("folder:place-cleared")
    await rename(incoming, target)
    reached("folder:in-place")
    await sync(dirname(target))
    reached("folder:place-synced")
  } finally {
    await rm(incoming, { recursive: true, force: true })
    await rm(outgoing, { recursive: true, force: true })
  }
}

/** Takes a folder away in one step, with what is in it. */
export const removeFolder = async (target: string, workspace: string, reached: Reached): Promise<void> => {
  const outgoing = join(workspace, randomUUID())
  try {
    await mkdir(workspace, { recursive: true, mode: 0o700 })
    await rename(target, outgoing)
    reached("removal:out-of-place")
    await sync(dirname(target))
    reached("removal:place-synced")
  } catch (cause) {
    ignoreMissing(cause)
  } finally {
    await rm(outgoing, { recursive: true, force: true })
  }
}

const ignoreMissing = (cause: unknown) => {
  if (!(cause instanceof Error && "code" in cause && cause.code === "ENOENT")) throw cause
}
