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

/** What `bunbase conformance server` is given to add scripted workers to a broken server. */
export const SCRIPTED_WORKER = "--quickjs-worker {worker} --quickjs-fork-server off"

/** The server that is broken where the user names no other. */
export const REAL_SERVER = `'${fileURLToPath(new URL("../../../bin/bunbase", import.meta.url))}' serve --data-dir {data} --socket {socket} --http-port {port}`

/** A server that is right, behind all broken ones that need none of their own: a start takes a second, a broken one none. */
export interface RealServer {
  /** For the broken servers' command. */
  readonly attach: string
  readonly stop: () => Promise<void>
}

/** Starts it with the user's command, which has `{data}`, `{socket}` and `{port}`. Rejects with `TargetUnusable`. */
export const startReal = async (
  command: string,
  processes: Processes,
  signal: AbortSignal
): Promise<RealServer> => {
  const { folder, ...place } = await newPlace()
  const process = new ServerProcess({
    command,
    place,
    settings: SETTINGS,
    env: {},
    worker: null,
    processes,
    transcript: new Transcript()
  })
  const stop = async (): Promise<void> => {
    await process.stop(STOP_MS)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const url = new URL(`http://127.0.0.1:${place.port}`)
    await awaitReady({ url, socket: place.socket }, process, READY_MS, signal)
    return { attach: `${place.port}:${place.socket}`, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/**
 * The command with which the suite starts a broken server: the table's, with the command of the real one, which is started
 * where one of its own is needed, and else the shared one.
 */
export const brokenCommand = (command: string, real: string, shared: RealServer | null): string =>
  [
    command,
    "--data {data} --socket {socket} --port {port}",
    // filled in by the broken server, not by the suite
    `--server ${quoted(real.replaceAll(/\{(data|socket|port)\}/g, "%$1%"))}`,
    ...(shared === null ? [] : [`--attach ${quoted(shared.attach)}`]),
    "--"
  ].join(" ")
