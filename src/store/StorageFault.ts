/** What a failure of the file system or of SQLite means for the person who runs the server. */
export interface StorageFault {
  /** The system's own name for it: `ENOSPC`, `SQLITE_FULL`, … */
  readonly code: string
  /** A sentence without paths: it may be shown to callers. */
  readonly reason: string
  readonly fix: string
}

const rows: ReadonlyArray<readonly [pattern: RegExp, reason: string, fix: string]> = [
  // SHMSIZE: SQLite could not make its shared-memory file as large as it needs to be.
  [
    /^(ENOSPC|EDQUOT|SQLITE_FULL|SQLITE_IOERR_SHMSIZE)/,
    "the disk is full",
    "free some space, or set another data_dir"
  ],
  [/^(EROFS|SQLITE_READONLY)/, "it is read-only", "make it writable for this user, or set another data_dir"],
  [
    /^(EACCES|EPERM|SQLITE_PERM|SQLITE_AUTH)/,
    "permission denied",
    "make it readable and writable for this user"
  ],
  [
    /^(ENOTDIR|EEXIST)/,
    "a file stands where a folder is needed",
    "move that file away, or set another data_dir"
  ],
  [/^EISDIR/, "a folder stands where a file is needed", "move that folder away, or set another path"],
  [/^ENOENT/, "it does not exist", "create it, or set another path"],
  [/^ELOOP/, "its symbolic links lead round in a circle", "set a path without such links"],
  [/^ENAMETOOLONG/, "its name is too long", "set a shorter path"],
  [/^(EMFILE|ENFILE)/, "too many files are open", "raise the limit of open files (ulimit -n)"],
  [
    /^(SQLITE_BUSY|SQLITE_LOCKED)/,
    "another program has the database locked",
    "end the program that writes to it (a sqlite3 shell, a backup), then try again"
  ],
  [
    /^(SQLITE_CORRUPT|SQLITE_NOTADB)/,
    "the database is damaged",
    "put it back from a backup, or move it away to begin with an empty one"
  ],
  [
    /^SQLITE_CANTOPEN/,
    "the database cannot be opened",
    "check that its folder exists and is writable for this user"
  ],
  [/^(SQLITE_IOERR|EIO)/, "the disk reports an error", "check the disk (dmesg) and its free space"]
]

/** The code that the file system or SQLite gave, following the chain of causes; null where there is none. */
export const faultCode = (cause: unknown): string | null => {
  let inner = cause
  for (let depth = 0; depth < 5 && typeof inner === "object" && inner !== null; depth++) {
    if ("code" in inner && typeof inner.code === "string") return inner.code
    inner = "cause" in inner ? inner.cause : undefined
  }
  return null
}

export const describeFault = (cause: unknown): StorageFault => {
  const code = faultCode(cause)
  const row = code === null ? undefined : rows.find(([pattern]) => pattern.test(code))
  if (code !== null && row !== undefined) return { code, reason: row[1], fix: row[2] }
  const name = code ?? (cause instanceof Error ? cause.name : "unknown")
  return { code: name, reason: `the system answered ${name}`, fix: "see the server's log" }
}
