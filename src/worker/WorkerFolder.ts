import { mkdirSync, renameSync } from "node:fs"
import { chmod, readdir, rm } from "node:fs/promises"
import { join } from "node:path"

/**
 * The temp folders of workers, all in one place: each worker's working directory, HOME and TMPDIR. What a function puts
 * there is its own doing: there may be very much of it, and it may be locked. Removing it must neither fail nor hold
 * anybody up.
 */
export const workerFolders = (dataDir: string): string => join(dataDir, "tmp")

let serial = 0

/** Makes the folder of one worker. Throws what the file system says. */
export const makeWorkerFolder = (dataDir: string, name: string): string => {
  const folder = join(workerFolders(dataDir), name)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/**
 * Takes a worker's folder out of the way at once and removes it in the background. What cannot be removed is left for the
 * server's end, or its next start.
 */
export const discardWorkerFolder = (folder: string): void => {
  const trash = `${folder}.${(serial += 1)}.trash`
  try {
    renameSync(folder, trash)
  } catch {
    // Gone already: the function may have removed it itself.
    return
  }
  void removeTree(trash)
}

/** Removes a folder with everything in it, also what was made unreadable. False when something is left; never rejects. */
export const removeTree = async (folder: string): Promise<boolean> => {
  try {
    await rm(folder, { recursive: true, force: true })
    return true
  } catch {
    try {
      await unlock(folder)
      await rm(folder, { recursive: true, force: true })
      return true
    } catch {
      return false
    }
  }
}

const unlock = async (folder: string): Promise<void> => {
  await chmod(folder, 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await unlock(join(folder, entry.name))
  }
}
