import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defaultOptions, ServerConfig, type ServerOptions } from "../../src/config/ServerConfig.ts"

/** A folder that goes with its scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "bunbase-test-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** The defaults on a data folder of its own, with what a test sets differently. */
export const configOn = (dataDir: string, overrides: Partial<ServerOptions> = {}): ServerOptions => ({
  ...defaultOptions(dataDir),
  ...overrides
})

export const configLayer = (dataDir: string, overrides: Partial<ServerOptions> = {}) =>
  Layer.succeed(ServerConfig, configOn(dataDir, overrides))
