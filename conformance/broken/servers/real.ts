import { rm } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import type { Processes } from "../../model/Suite.ts"
import { Transcript } from "../../model/Transcript.ts"
import { awaitReady } from "../../server/target/awaitReady.ts"
import { newPlace, ServerProcess } from "../../server/target/ServerProcess.ts"

const READY_MS = 30_000
const STOP_MS = 5_000

/** Functions of targets that are through need no workers any more. */
const SETTINGS = { idle_timeout_seconds: 1, max_workers_total: 100, execution_timeout_seconds: 20 }

/** How this version's own server is started; with the suite's placeholders. */
export const REAL_SERVER = `'${fileURLToPath(new URL("../../../bin/bunbase", import.meta.url))}' serve --data-dir {data} --socket {socket} --http-port {port}`

/** In the environment of broken servers: where the real one is that they share, as `PORT:PATH`. */
export const SHARED = "BUNBASE_BROKEN_SHARED"

/**
 * Starts a server that is right, for all broken ones that need none of their own: a start of one takes a second, a proxy
 * before it next to nothing. Rejects with `TargetUnusable`. Gives what ends it.
 */
export const shareRealServer = async (
  processes: Processes,
  signal: AbortSignal
): Promise<() => Promise<void>> => {
  const { folder, ...place } = await newPlace()
  const server = new ServerProcess({
    command: REAL_SERVER,
    place,
    settings: SETTINGS,
    env: {},
    worker: null,
    processes,
    transcript: new Transcript()
  })
  const stop = async (): Promise<void> => {
    delete process.env[SHARED]
    await server.stop(STOP_MS)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const url = new URL(`http://127.0.0.1:${place.port}`)
    await awaitReady({ url, socket: place.socket }, server, READY_MS, signal)
    process.env[SHARED] = `${place.port}:${place.socket}`
    return stop
  } catch (error) {
    await stop()
    throw error
  }
}
