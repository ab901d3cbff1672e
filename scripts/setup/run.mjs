// Runs the programs that the set-up needs (npm, later a compiler), with their output kept for the case of a failure.
import { spawn } from "node:child_process"
import { noteChild } from "./lock.mjs"
import { report, root, seconds } from "./project.mjs"

const STILL_RUNNING_EVERY_MS = 20_000
const OUTPUT_KEPT = 1024 * 1024
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"]

/**
 * Runs `command` and returns `{ status, output }`; status is undefined when it could not be started. One that takes
 * long is reported now and then, so that nobody takes it for dead. A signal to us goes to it, too. `isHopeless(output)`
 * may end it early.
 */
export const run = (name, command, args, { cwd = root, isHopeless = () => false } = {}) =>
  new Promise((resolve) => {
    const started = performance.now()
    let output = ""
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] })
    if (child.pid !== undefined) noteChild(child.pid)

    const keep = (piece) => {
      output = (output + piece).slice(-OUTPUT_KEPT)
      if (isHopeless(output)) child.kill("SIGTERM")
    }
    child.stdout.setEncoding("utf8").on("data", keep)
    child.stderr.setEncoding("utf8").on("data", keep)

    const stillRunning = setInterval(
      () => report(`${name}: still at it (${seconds(started)})`),
      STILL_RUNNING_EVERY_MS
    )
    const forward = (signal) => child.kill(signal)
    for (const signal of SIGNALS) process.on(signal, forward)
    const stop = () => {
      clearInterval(stillRunning)
      for (const signal of SIGNALS) process.off(signal, forward)
      noteChild(undefined)
    }

    child.on("error", (error) => {
      stop()
      resolve({ status: undefined, output: error.message })
    })
    child.on("close", (status) => {
      stop()
      resolve({ status: status ?? 1, output })
    })
  })
