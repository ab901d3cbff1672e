// What the set-up steps share: where the project is, how to report, and the one kind of failure.
import path from "node:path"
import { fileURLToPath } from "node:url"

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")

/** A set-up that cannot go on: what is wrong, what to do about it, and the output of the program that failed. */
export class SetupError extends Error {
  constructor(message, whatToDo = [], output = "") {
    super(message)
    this.whatToDo = whatToDo
    this.output = output
  }
}

const quiet = process.argv.includes("--quiet")

/** One progress line, or none with --quiet. */
export const report = (line) => {
  if (!quiet) process.stdout.write(`${line}\n`)
}

export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`
