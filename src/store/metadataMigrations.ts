import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import type { Migration } from "./SqliteDatabase.ts"

const statements = (...texts: ReadonlyArray<string>) =>
  Effect.flatMap(SqlClient, (sql) => Effect.forEach(texts, (text) => sql.unsafe(text), { discard: true }))

/**
 * The schema of `metadata.db`. Names are the documents' (`functions`, `function_versions`, `function_deployments`,
 * `function_env`), and each setting is a column, so that people can look with `sqlite3`. A NULL limit follows the
 * server's default. Times are ISO 8601 in UTC.
 */
export const metadataMigrations: ReadonlyArray<Migration> = [
  [
    1,
    "functions",
    statements(
      `CREATE TABLE functions (
        id TEXT PRIMARY KEY NOT NULL,
        name TEXT NOT NULL,
        runtime TEXT NOT NULL,
        handler TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('registered', 'built', 'deployed', 'deleted')),
        memory_mb INTEGER,
        timeout_seconds REAL,
        max_concurrent_executions INTEGER,
        warm_workers INTEGER,
        max_workers INTEGER,
        concurrency INTEGER,
        idle_timeout_seconds REAL,
        expose_errors INTEGER CHECK (expose_errors IN (0, 1)),
        capabilities_json TEXT CHECK (capabilities_json IS NULL OR json_valid(capabilities_json)),
        active_version_id TEXT REFERENCES function_versions (id),
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        CHECK (status <> 'deployed' OR active_version_id IS NOT NULL)
      )`,
      // A deleted function stays for the record and gives its name free.
      `CREATE UNIQUE INDEX functions_by_name ON functions (name) WHERE status <> 'deleted'`,
      // bundle_path counts from the bundle folder, so that a data folder can be moved.
      `CREATE TABLE function_versions (
        id TEXT PRIMARY KEY NOT NULL,
        function_id TEXT NOT NULL REFERENCES functions (id),
        version TEXT NOT NULL,
        bundle_path TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        created_at TEXT NOT NULL,
        UNIQUE (function_id, version)
      )`,
      `CREATE TABLE function_deployments (
        id TEXT PRIMARY KEY NOT NULL,
        function_id TEXT NOT NULL REFERENCES functions (id),
        version_id TEXT NOT NULL REFERENCES function_versions (id),
        status TEXT NOT NULL CHECK (status IN ('deployed', 'superseded')),
        created_at TEXT NOT NULL
      )`,
      `CREATE INDEX function_deployments_by_version ON function_deployments (version_id)`,
      `CREATE UNIQUE INDEX function_deployments_in_force ON function_deployments (function_id)
        WHERE status = 'deployed'`,
      `CREATE TABLE function_env (
        function_id TEXT NOT NULL REFERENCES functions (id),
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        is_secret INTEGER NOT NULL DEFAULT 0 CHECK (is_secret IN (0, 1)),
        PRIMARY KEY (function_id, key)
      ) WITHOUT ROWID`
    )
  ],
  [
    2,
    "isolation_and_snapshot",
    statements(
      `ALTER TABLE functions ADD COLUMN isolation TEXT CHECK (isolation IN ('worker', 'invocation'))`,
      `ALTER TABLE functions ADD COLUMN snapshot INTEGER CHECK (snapshot IN (0, 1))`
    )
  ],
  [
    3,
    "recycling",
    statements(
      `ALTER TABLE functions ADD COLUMN max_worker_invocations INTEGER`,
      `ALTER TABLE functions ADD COLUMN max_worker_age_seconds REAL`
    )
  ]
]
