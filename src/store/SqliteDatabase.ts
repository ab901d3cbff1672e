import * as Reactivity from "@effect/experimental/Reactivity"
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { SqliteClient } from "@effect/sql-sqlite-bun"
import { Effect, Exit, Schedule, type Scope } from "effect"
import { closeSync, openSync } from "node:fs"
import { FaultPoint, type Reached } from "../domain/FaultPoint.ts"
import { DataFolderUnusable, unusable } from "./DataFolder.ts"
import { faultCode } from "./StorageFault.ts"

/** One step of a database's schema. Steps are appended, never changed: what ran on a user's machine stays as it ran. */
export type Migration = readonly [
  id: number,
  name: string,
  run: Effect.Effect<void, SqlError, SqlClient.SqlClient>
]

export interface SqliteDatabase {
  readonly sql: SqlClient.SqlClient
  /** Runs statements as one transaction: all of them are on the disk, or none. */
  readonly transact: <A, E>(body: Effect.Effect<A, E>) => Effect.Effect<A, E | SqlError>
  /** Tries again, without blocking, while another program (a `sqlite3` shell, a backup) has the database locked. */
  readonly patiently: <A, E>(body: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

/**
 * Opens a database file of ours until the scope closes: checks it, brings its schema up to date.
 *
 * The settings, chosen for R-9 (what was acknowledged survives SIGKILL and power loss):
 * - `journal_mode = WAL`: a commit is one append; people may read with `sqlite3` while the server writes.
 * - `synchronous = FULL`: in WAL mode, NORMAL would not flush the log at a commit, and a power cut could take back a
 *   deploy that was already acknowledged. FULL costs one fsync a commit, and only the control plane commits here.
 * - `foreign_keys = ON`: a deployment cannot outlive its version.
 * - `busy_timeout` is short, because waiting in SQLite blocks the event loop and thereby every invocation; the longer
 *   waiting is done in `patiently`, off the loop.
 */
export const openDatabase = (
  path: string,
  migrations: ReadonlyArray<Migration>
): Effect.Effect<SqliteDatabase, DataFolderUnusable, Scope.Scope> =>
  Effect.gen(function* () {
    // SQLite would create it readable for everybody; its companions (-wal, -shm) take over the mode of the file.
    yield* Effect.sync(() => closeSync(openSync(path, "a", 0o600)))
    const sql = yield* SqliteClient.make({ filename: path })
    yield* sql`PRAGMA synchronous = FULL`
    yield* sql`PRAGMA foreign_keys = ON`
    yield* sql`PRAGMA busy_timeout = 10`
    const findings = yield* sql`PRAGMA integrity_check(1)`.values
    if (String(findings[0]?.[0]) !== "ok") {
      return yield* new DataFolderUnusable({
        path,
        reason: `the database is damaged (${String(findings[0]?.[0])})`,
        fix: "put it back from a backup, or move it away to begin with an empty one"
      })
    }
    yield* migrate(path, migrations).pipe(Effect.provideService(SqlClient.SqlClient, sql))
    return { sql, transact: transact(sql, yield* FaultPoint), patiently }
  }).pipe(
    Effect.provide(Reactivity.layer),
    Effect.catchTag("SqlError", (error) => Effect.fail(unusable(path, error))),
    // The client throws where the file cannot be opened, and the migrator makes a defect of a statement that failed.
    Effect.catchAllDefect((defect) => Effect.fail(unusable(path, defect)))
  )

const migrationsTable = "schema_migrations"

const migrate = (
  path: string,
  migrations: ReadonlyArray<Migration>
): Effect.Effect<void, DataFolderUnusable | SqlError, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* Migrator.make({})({
      loader: Effect.succeed(
        migrations.map(([id, name, run]): Migrator.ResolvedMigration => [id, name, Effect.succeed(run)])
      ),
      table: migrationsTable
    }).pipe(Effect.catchTag("MigrationError", (error) => Effect.fail(unusable(path, error))))
    // The migrator takes every failure to begin for "somebody else is at it", so what it did is looked at.
    const [row] = yield* sql`SELECT max(migration_id) FROM ${sql(migrationsTable)}`.values
    const found = Number(row?.[0])
    const wanted = Math.max(...migrations.map(([id]) => id))
    if (found > wanted) {
      return yield* new DataFolderUnusable({
        path,
        reason: `it was written by a newer version of this server (schema ${found}, this one knows ${wanted})`,
        fix: "start the newer version, or set another data_dir"
      })
    }
    if (found < wanted) {
      return yield* new DataFolderUnusable({
        path,
        reason: `its schema could not be brought from ${found} to ${wanted}`,
        fix: "check the free space of the disk and that no other program has the database open"
      })
    }
  })

/**
 * `SqlClient.withTransaction` turns a failed COMMIT or ROLLBACK (a full disk, a lock) into a defect and leaves the
 * transaction open; hence this one. `BEGIN IMMEDIATE` takes the write lock at once: a transaction that begins reading and
 * then writes can be refused in its middle.
 */
const transact =
  (sql: SqlClient.SqlClient, reached: Reached) =>
  <A, E>(body: Effect.Effect<A, E>): Effect.Effect<A, E | SqlError> =>
    Effect.gen(function* () {
      const connection = yield* sql.reserve
      const run = (statement: string) => connection.executeUnprepared(statement, [], undefined)
      yield* run("BEGIN IMMEDIATE")
      reached("transaction:begun")
      const exit = yield* body.pipe(
        Effect.provideService(SqlClient.TransactionConnection, [connection, 0]),
        Effect.tap(() => reached("transaction:written")),
        Effect.zipLeft(run("COMMIT")),
        Effect.exit
      )
      if (Exit.isSuccess(exit)) reached("transaction:committed")
      // After some failures (a full disk) SQLite has rolled back already and refuses to do it again.
      if (Exit.isFailure(exit)) yield* Effect.ignore(run("ROLLBACK"))
      return yield* exit
    }).pipe(Effect.scoped, Effect.uninterruptible, patiently)

const locked = (error: unknown) => /^SQLITE_(BUSY|LOCKED)/.test(faultCode(error) ?? "")

/** Up to about five seconds in all. */
const patience = Schedule.exponential("10 millis", 1.5).pipe(
  Schedule.union(Schedule.spaced("250 millis")),
  Schedule.upTo("5 seconds")
)

const patiently = <A, E>(body: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.retry(body, { schedule: patience, while: locked })
