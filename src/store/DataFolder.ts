import { Database } from "bun:sqlite"
import { Clock, Context, Data, Effect, Layer, type Scope } from "effect"
import { randomUUID } from "node:crypto"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { ServerConfig } from "../config/ServerConfig.ts"
import { describeFault, faultCode } from "./StorageFault.ts"

/** The server cannot start on this data: where, why, and what to do about it. */
export class DataFolderUnusable extends Data.TaggedError("DataFolderUnusable")<{
  readonly path: string
  readonly reason: string
  readonly fix: string
}> {
  override get message() {
    return `${this.path} cannot be used: ${this.reason}; ${this.fix}`
  }
}

/** A failure met while data is opened, told about its path. */
export const unusable = (path: string, cause: unknown): DataFolderUnusable => {
  const { fix, reason } = describeFault(cause)
  return new DataFolderUnusable({ path, reason, fix })
}

/**
 * The data folder: there, writable, and this server's alone until its scope closes. Everything that keeps data depends on
 * it, so that nothing is opened, swept or changed before a second server on the same folder has been turned away.
 */
export class DataFolder extends Context.Tag("DataFolder")<DataFolder, { readonly path: string }>() {}

/** The file whose lock says whose folder it is. It stays when the server ends; the lock does not. */
export const LOCK_FILE = "server.lock"

/** ENOENT from a `mkdir` that makes all folders above says that the file system takes none there (`/proc`, `/sys`). */
const makeFolder = (path: string): void => {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    if (faultCode(cause) !== "ENOENT") throw cause
    throw new DataFolderUnusable({
      path,
      reason: "no folder can be made there",
      fix: "set a path on a disk, where this user may write"
    })
  }
}

/** Creates a folder and those above it, for this user only; one that is there keeps its mode. */
export const ensureFolder = (path: string): Effect.Effect<void, DataFolderUnusable> =>
  Effect.try({
    try: () => {
      makeFolder(path)
      // Modes say little to root, and nothing about a read-only mount: writing tells.
      const probe = join(path, `.probe-${randomUUID()}`)
      try {
        writeFileSync(probe, "", { flag: "wx", mode: 0o600 })
      } finally {
        rmSync(probe, { force: true })
      }
    },
    catch: (cause) => (cause instanceof DataFolderUnusable ? cause : unusable(path, cause))
  })

/**
 * Takes the folder for this process. The lock is SQLite's own on a file: a POSIX record lock, which the kernel lets go at
 * the death of the process, however it died, and which child processes do not inherit. A pid file would outlive a
 * SIGKILL, and `flock` would live on in an orphaned worker.
 */
const lock = (folder: string): Effect.Effect<void, DataFolderUnusable, Scope.Scope> =>
  Effect.gen(function* () {
    const path = join(folder, LOCK_FILE)
    const now = yield* Clock.currentTimeMillis
    yield* Effect.acquireRelease(
      Effect.try({
        try: () => {
          const database = new Database(path, { create: true, readwrite: true })
          try {
            takeLock(database, now)
            return database
          } catch (cause) {
            const refusal = refusalOf(folder, database, cause)
            database.close()
            throw refusal
          }
        },
        catch: (cause) => (cause instanceof DataFolderUnusable ? cause : unusable(path, cause))
      }),
      (database) => Effect.sync(() => database.close())
    )
  })

const takeLock = (database: Database, now: number) => {
  // Another one's answer is known at once: it holds the lock for its whole life.
  database.run("PRAGMA busy_timeout = 0")
  database.run("PRAGMA synchronous = OFF")
  database.run("BEGIN IMMEDIATE")
  database.run("CREATE TABLE IF NOT EXISTS owner (pid INTEGER NOT NULL, since TEXT NOT NULL)")
  database.run("DELETE FROM owner")
  database.run("INSERT INTO owner VALUES (?, ?)", [process.pid, new Date(now).toISOString()])
  database.run("COMMIT")
  // Held from here on, with nothing written in it: no journal is left behind by a SIGKILL, and others can still
  // read who holds it.
  database.run("BEGIN IMMEDIATE")
}

const refusalOf = (folder: string, database: Database, cause: unknown): unknown => {
  const code = faultCode(cause) ?? ""
  if (code.startsWith("SQLITE_BUSY")) {
    return new DataFolderUnusable({
      path: folder,
      reason: `another server${ownerOf(database)} is using it`,
      fix: "stop that server, or set another data_dir for this one"
    })
  }
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) {
    return new DataFolderUnusable({
      path: join(folder, LOCK_FILE),
      reason: "it is not a lock file of this server",
      fix: "move it away, unless a server is running on this folder"
    })
  }
  return cause
}

const ownerOf = (database: Database): string => {
  try {
    const owner: unknown = database.query("SELECT pid FROM owner").get()
    return typeof owner === "object" && owner !== null && "pid" in owner
      ? ` (process ${String(owner.pid)})`
      : ""
  } catch {
    // It is just writing its name, or the file is of another make: nothing to add.
    return ""
  }
}

const make = Effect.gen(function* () {
  const config = yield* ServerConfig
  yield* ensureFolder(config.dataDir)
  yield* lock(config.dataDir)
  const folders = [config.logsDir, config.bundlesDir]
  for (const file of [config.metadataDb, config.logsDb, config.metricsDb]) folders.push(dirname(file))
  for (const folder of new Set(folders)) if (folder !== config.dataDir) yield* ensureFolder(folder)
  return DataFolder.of({ path: config.dataDir })
})

export const layer: Layer.Layer<DataFolder, DataFolderUnusable, ServerConfig> = Layer.scoped(DataFolder, make)
