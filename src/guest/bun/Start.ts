import { PROTOCOL_FD_VARIABLE } from "../../protocol/worker/Wire.ts"

/**
 * The command line. `main.ts` imports this module before all others, and it begins the import of the bundle: that is then
 * read and parsed on another thread while the guest's own modules set themselves up. A bundle runs no sooner than the
 * current turn of the event loop has ended, and by then the guest is complete.
 */

/** What a bundle exports. */
export type Module = Record<string, unknown>

const { argv, env } = process

const option = (name: string): string => {
  const at = argv.indexOf(name, 2)
  return at === -1 ? "" : (argv[at + 1] ?? "")
}

/** A path as it stands, or below the working directory. */
export const absolute = (path: string): string => (path.startsWith("/") ? path : `${process.cwd()}/${path}`)

const given = option("--bundle")
/** The bundle to load; empty: wait for `load`. */
export const bundlePath = given === "" ? "" : absolute(given)
export const handlerName = option("--handler")
/** The descriptor that the protocol is spoken on; undefined: stdin and stdout. */
export const protocolDescriptor = env[PROTOCOL_FD_VARIABLE]

const hostPid = env["BUNBASE_HOST_PID"]
// the host was gone before this process could notice its end
if (hostPid !== undefined && Number(hostPid) !== process.ppid) process.reallyExit(0)

// On stdin and stdout it has to wait: nothing of the function's may run before the protocol has moved elsewhere.
const early: Promise<Module> | null =
  bundlePath !== "" && protocolDescriptor !== undefined ? (import(bundlePath) as Promise<Module>) : null

/** The import of that bundle, if it has begun. */
export const earlyImport = (path: string): Promise<Module> | null => (path === bundlePath ? early : null)
