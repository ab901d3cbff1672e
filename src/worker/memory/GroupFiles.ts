import { readFileSync } from "node:fs"
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises"

/**
 * The file system of control groups. What moves a process or makes or removes a group may wait for the whole kernel, for
 * tens of milliseconds: that must not be done on the server's own thread.
 */
export interface GroupFiles {
  readonly make: (group: string) => Promise<void>
  /** Fails with EBUSY while there is a process in it. */
  readonly remove: (group: string) => Promise<void>
  readonly write: (file: string, text: string) => Promise<void>
  readonly read: (file: string) => Promise<string>
  /** On this thread: for the counters of a group, which wait for nothing. */
  readonly readNow: (file: string) => string
  /** The names of the groups in it. */
  readonly groupsIn: (group: string) => Promise<ReadonlyArray<string>>
}

export const kernelGroupFiles: GroupFiles = {
  make: (group) => mkdir(group),
  remove: (group) => rmdir(group),
  // Never made where it is missing: the kernel would refuse that with an error that says something else.
  write: (file, text) => writeFile(file, text, { flag: "r+" }),
  read: (file) => readFile(file, "utf8"),
  readNow: (file) => readFileSync(file, "utf8"),
  groupsIn: async (group) =>
    (await readdir(group, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
}

/** The error's name, e.g. `EBUSY`. */
export const errnoOf = (cause: unknown): string | null =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : null

/** Only one at a time of what waits for the whole kernel: each holds a thread that others need too. */
export const oneAtATime = (files: GroupFiles): GroupFiles => {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <A>(operation: () => Promise<A>): Promise<A> => {
    const mine = last.then(operation)
    last = mine.catch(() => {})
    return mine
  }
  return {
    ...files,
    make: (group) => inTurn(() => files.make(group)),
    remove: (group) => inTurn(() => files.remove(group)),
    write: (file, text) =>
      file.endsWith("/cgroup.procs") ? inTurn(() => files.write(file, text)) : files.write(file, text)
  }
}
