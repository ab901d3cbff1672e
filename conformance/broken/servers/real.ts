import { rm } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { writeRelay } from "../hosts/relayProgram.ts"
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

/** The same of the one whose workers are relays to the broken hosts that share it. */
export const SHARED_BY_HOSTS = "BUNBASE_BROKEN_SHARED_BY_HOSTS"

/** Beside `--quickjs-worker`, of a server whose workers are a program of the suite's. */
export const HOST_FLAGS = "--quickjs-fork-server off"

/**
 * Starts servers that are right, for all broken ones that need none of their own: a start of one takes a second, a proxy
 * before it next to nothing. Rejects with `TargetUnusable`. Gives what ends them.
 */
export const shareRealServer = async (
  processes: Processes,
  signal: AbortSignal
): Promise<() => Promise<void>> => {
  const started = await Promise.allSettled([
    share(SHARED, false, processes, signal),
    share(SHARED_BY_HOSTS, true, processes, signal)
  ])
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((one) => (one.status === "fulfilled" ? one.value() : null)))
  }
  const failed = started.find((one) => one.status === "rejected")
  if (failed === undefined) return stop
  await stop()
  throw failed.reason
}

const share = async (
  variable: string,
  isHost: boolean,
  processes: Processes,
  signal: AbortSignal
): Promise<() => Promise<void>> => {
  const { folder, ...place } = await newPlace()
  const relay = join(folder, "relay")
  if (isHost) writeRelay(relay, null)
  const server = new ServerProcess({
    command: isHost ? `${REAL_SERVER} --quickjs-worker {worker} ${HOST_FLAGS}` : REAL_SERVER,
    place,
    settings: SETTINGS,
    env: {},
    worker: isHost ? relay : null,
    processes,
    transcript: new Transcript()
  })
  const stop = async (): Promise<void> => {
    delete process.env[variable]
    await server.stop(STOP_MS)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const url = new URL(`http://127.0.0.1:${place.port}`)
    await awaitReady({ url, socket: place.socket }, server, READY_MS, signal)
    process.env[variable] = `${place.port}:${place.socket}`
    return stop
  } catch (error) {
    await stop()
    throw error
  }
}
