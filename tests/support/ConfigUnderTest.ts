import { Effect, Exit } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ConfigInvalid, type ConfigViolation } from "../../src/config/ConfigInvalid.ts"
import { type ConfigSources, resolveConfig, type ResolvedConfig } from "../../src/config/resolveConfig.ts"

/** A folder to resolve configurations in, and what comes of them. `remove` it in the end. */
export class ConfigUnderTest {
  readonly folder = mkdtempSync(join(tmpdir(), "bunbase-config-"))

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }

  resolved(partial: Partial<ConfigSources> = {}): Promise<ResolvedConfig> {
    return Effect.runPromise(resolveConfig(this.#sources(partial)))
  }

  /** What is wrong; throws where nothing is. */
  async refused(partial: Partial<ConfigSources>): Promise<ReadonlyArray<ConfigViolation>> {
    const exit = await Effect.runPromiseExit(resolveConfig(this.#sources(partial)))
    if (Exit.isSuccess(exit)) throw new Error("the configuration was accepted")
    if (exit.cause._tag === "Fail" && exit.cause.error instanceof ConfigInvalid)
      return exit.cause.error.violations
    throw new Error(String(exit.cause))
  }

  /** Writes a configuration file and gives its path. */
  file(content: unknown, name = "bunbase.json"): string {
    const path = join(this.folder, name)
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
    return path
  }

  #sources(partial: Partial<ConfigSources>): ConfigSources {
    return { flags: {}, env: {}, cwd: this.folder, ...partial }
  }
}
