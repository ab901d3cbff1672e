import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { bundleGuest } from "../guest/bun/bundle.ts"
import { GUEST_FLAGS } from "../guest/bun/flags.ts"
import type { Target } from "../domain/Invocation.ts"
import type { LogPipeline } from "../logs/LogPipeline.ts"
import type { RuntimeCommand } from "./RuntimeCommand.ts"

const sources = fileURLToPath(new URL("../guest/bun/main.ts", import.meta.url))

/**
 * Variables that Bun, or a library in it, reads once when the process starts, or reads itself later from what the process was
 * started with: in a process that is told of them by `load`, they would be seen and do nothing. Those of a worker that are
 * always there are among them, because a function may set its own.
 */
const READ_AT_START = new RegExp(
  [
    "^(PATH|HOME|TMPDIR|TMP|TEMP|TZ|TZDIR|LANG|LANGUAGE|SHELL|USER|TERM|COLORTERM|TMUX|CI|AGENT|DO_NOT_TRACK)$",
    "^(FORCE_COLOR|NO_COLOR|C_INCLUDE_PATH|LIBRARY_PATH|REDIS_URL|VALKEY_URL|RES_OPTIONS|LOCALDOMAIN|HOSTALIASES)$",
    "^(NODE|AWS|S3|SSL|OPENSSL|LC|LD|GLIBC|MALLOC|MIMALLOC|MI|JSC|UV|XDG|SQLITE)_",
    "_PROXY$"
  ].join("|"),
  "i"
)

/** Whether a process that was started for nobody can become the function's, with nothing that the function could tell it by. */
const fits = ({ env }: Target): boolean => !Object.keys(env).some((name) => READ_AT_START.test(name))

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
      ],
      spare: { command: [process.execPath, ...GUEST_FLAGS, program], fits }
    }))
  )
