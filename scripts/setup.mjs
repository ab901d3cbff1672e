// Makes a fresh clone ready to run: `npm run setup`, and the first thing that start, test and check do.
//
//   node scripts/setup.mjs [--quiet]
//
// Needs Node and npm only. Every step first looks whether there is anything to do, so that a second run takes a few
// milliseconds. Two runs at the same time are safe: one works, the other waits.
import fs from "node:fs"
import path from "node:path"
import { acquireLock } from "./setup/lock.mjs"
import { bunStep } from "./setup/bun.mjs"
import { commandStep } from "./setup/command.mjs"
import { nativeStep } from "./setup/native.mjs"
import { packagesStep } from "./setup/packages.mjs"
import { SetupError, report, root, seconds } from "./setup/project.mjs"

/**
 * What there is to do, in order. A step is `{ name, ready, run }`: `ready()` says cheaply whether it is done, `run()`
 * does it and throws a SetupError, with what to do about it, when it cannot; false where the set-up goes on without it.
 */
const steps = [packagesStep, bunStep, commandStep, nativeStep]

const checkMachine = () => {
  const packageJson = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"))
  const wanted = Number(/\d+/.exec(packageJson.engines.node)[0])
  if (Number(process.versions.node.split(".")[0]) < wanted) {
    throw new SetupError(`Node ${wanted} or newer is needed; this is ${process.version}.`, [
      `Install Node ${wanted} or newer and run the command again.`
    ])
  }
  if (process.platform === "win32") {
    throw new SetupError("Windows is not supported: the service needs Unix sockets and processes.", [
      "Use Linux, macOS, or Linux in WSL 2."
    ])
  }
}

const main = async () => {
  const started = performance.now()
  checkMachine()

  if (steps.every((step) => step.ready())) {
    report(`Set up already (${seconds(started)}).`)
    return
  }

  const release = await acquireLock(path.join(root, ".bunbase-setup.lock"))
  try {
    for (const step of steps) {
      if (step.ready()) continue
      const stepStarted = performance.now()
      const said = await step.run()
      if (!step.ready()) throw new SetupError(`${step.name}: done, but the result is not as expected.`)
      // Goes on without it, and has said why.
      if (said !== false) report(`${step.name}: done (${seconds(stepStarted)})`)
    }
  } finally {
    release()
  }
  report(`Set up (${seconds(started)}).`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  if (error.output) process.stderr.write(`${error.output.trimEnd()}\n\n`)
  process.stderr.write(`Set-up failed: ${error.message}\n`)
  for (const line of error.whatToDo) process.stderr.write(`  ${line}\n`)
  process.exitCode = 1
}
