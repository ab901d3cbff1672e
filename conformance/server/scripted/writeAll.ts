import { writeSync } from "node:fs"

/** Writes all of it, to a descriptor that may not wait by itself. False: nobody reads it any more. */
export const writeAll = (descriptor: number, bytes: Uint8Array): boolean => {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at)
    } catch (error) {
      // the reader is slow
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return false
      Bun.sleepSync(1)
    }
  }
  return true
}
