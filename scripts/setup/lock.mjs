// A lock between processes: a folder, because making one either succeeds or does not.
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { SetupError, report } from "./project.mjs"

const HEARTBEAT_MS = 2_000
const STALE_AFTER_MS = 20_000
const WAIT_AT_MOST_MS = 15 * 60_000
const LOOK_EVERY_MS = 100

const readOwner = (lock) => {
  try {
    return JSON.parse(fs.readFileSync(path.join(lock, "owner.json"), "utf8"))
  } catch {
    return undefined
  }
}

const isAlive = (pid) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === "EPERM"
  }
}

/**
 * The owner died without giving the lock back: its process is gone, and the one that it had started (npm goes on when
 * only its parent is killed), or, on another machine, it shows no sign of life.
 */
const isStale = (lock, owner) => {
  if (owner !== undefined && owner.host === os.hostname()) {
    return !isAlive(owner.pid) && !(owner.child !== undefined && isAlive(owner.child))
  }
  try {
    return Date.now() - fs.statSync(lock).mtimeMs > STALE_AFTER_MS
  } catch {
    return false // given back meanwhile
  }
}

let held // { lock, owner } while this process has the lock

const writeOwner = () => {
  const file = path.join(held.lock, "owner.json")
  fs.writeFileSync(`${file}.new`, JSON.stringify(held.owner))
  fs.renameSync(`${file}.new`, file)
}

/** Says in the lock which program is at work for us: while it runs the lock stays taken, even if we are killed. */
export const noteChild = (pid) => {
  if (held === undefined || readOwner(held.lock)?.token !== held.owner.token) return
  held.owner = { ...held.owner, child: pid }
  writeOwner()
}

/** Puts a stale lock away. Renaming lets one process do it; the look afterwards makes sure that it was the stale one. */
const takeAway = (lock, owner) => {
  const away = `${lock}.${process.pid}.${Date.now()}`
  try {
    fs.renameSync(lock, away)
  } catch {
    return // somebody else was first
  }
  if (readOwner(away)?.token !== owner?.token) {
    // a new owner's lock, taken between our look and our hand: give it back
    try {
      fs.renameSync(away, lock)
      return
    } catch {
      // yet another owner is there already; the two are told apart by their tokens when they end
    }
  }
  fs.rmSync(away, { recursive: true, force: true })
}

/** Waits for the lock and returns the function that gives it back. */
export const acquireLock = async (lock) => {
  const token = `${os.hostname()}:${process.pid}:${Date.now()}`
  const deadline = Date.now() + WAIT_AT_MOST_MS
  let told = false

  for (;;) {
    try {
      fs.mkdirSync(lock)
      held = { lock, owner: { pid: process.pid, host: os.hostname(), token } }
      writeOwner()
      break
    } catch (error) {
      if (error.code !== "EEXIST") {
        throw new SetupError(`cannot write in ${path.dirname(lock)} (${error.code}).`, [
          "The project folder must be writable for the set-up."
        ])
      }
    }
    const owner = readOwner(lock)
    if (isStale(lock, owner)) {
      takeAway(lock, owner)
      continue
    }
    if (!told) report(`Waiting for another set-up${owner === undefined ? "" : ` (process ${owner.pid})`}`)
    told = true
    if (Date.now() > deadline) {
      throw new SetupError(`another set-up has held ${lock} for too long.`, [
        `See what process ${owner?.pid ?? "it"} is doing; end it, or remove that folder, and run the command again.`
      ])
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }

  const heartbeat = setInterval(() => {
    try {
      fs.utimesSync(lock, new Date(), new Date())
    } catch {
      // taken away from us: nothing to keep alive
    }
  }, HEARTBEAT_MS)
  heartbeat.unref()

  return () => {
    clearInterval(heartbeat)
    held = undefined
    if (readOwner(lock)?.token === token) fs.rmSync(lock, { recursive: true, force: true })
  }
}
