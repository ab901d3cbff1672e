/**
 * How a host starts a worker: `bun ...GUEST_FLAGS main.ts --bundle PATH --handler NAME`. Constants only: the host's worker
 * room and the guest's tests share them.
 */

/** Flags before the program's path. Nothing in the working directory, in HOME or beside the bundle may change how a function runs. */
export const GUEST_FLAGS: ReadonlyArray<string> = [
  // no .env files
  "--no-env-file",
  // an import that is not there fails, instead of being fetched from a registry
  "--no-install",
  // no bunfig.toml, neither of the folder nor of the user: it could preload code
  "--config=/dev/null",
  // no tsconfig.json, neither of the folder nor of the bundle's: it could redirect imports
  "--tsconfig-override=/dev/null",
  // the kernel kills the worker with its host, also in a loop that never ends, and what it started with it
  "--no-orphans",
  // half the memory after a busy time, at no measurable cost in speed or start
  "--smol"
]
