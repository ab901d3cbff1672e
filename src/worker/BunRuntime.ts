import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { bundleGuest } from "../guest/bun/bundle.ts"
import { GUEST_FLAGS } from "../guest/bun/flags.ts"
import type { LogPipeline } from "../logs/LogPipeline.ts"
import type { RuntimeCommand } from "./RuntimeCommand.ts"

const sources = fileURLToPath(new URL("../guest/bun/main.ts", import.meta.url))

/**
 * Workers on the Bun that the server itself runs on. The guest program is put into one file of `folder` first: its modules
 * one by one would take a third of a cold start. Where that fails, workers start from the modules, slower.
 */
export const makeBunRuntime = (
  folder: string,
  log: LogPipeline["Type"]["log"]
): Effect.Effect<RuntimeCommand> =>
  Effect.tryPromise(() => bundleGuest(folder)).pipe(
    Effect.catchAll((error) =>
      Effect.sync(() => {
        log({
          at: Date.now(),
          level: "warn",
          message: `the guest program could not be bundled, cold starts will be slower: ${String(error.cause)}`
        })
        return sources
      })
    ),
    Effect.map((program) => ({
      runtime: "bun",
      transport: "descriptor",
      command: (target) => [
        process.execPath,
        ...GUEST_FLAGS,
        program,
        "--bundle",
        target.bundlePath,
        "--handler",
        target.handler
      ]
    }))
  )
