// Builds the native worker, the runtime `quickjs-ng`: fetches its sources, and runs make.
//
//   node scripts/native.mjs [--quiet]
//
// The set-up does the same, and goes on without it where it cannot be built: then the server runs with Bun alone.
import { buildNative, isCurrent, unavailability } from "./setup/native.mjs"
import { SetupError, report, seconds } from "./setup/project.mjs"

const started = performance.now()
try {
  if (isCurrent()) report(`The native worker is built already (${seconds(started)}).`)
  else {
    await buildNative()
    report(`The native worker is built (${seconds(started)}).`)
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  if (error.output) process.stderr.write(`${error.output.trimEnd()}\n\n`)
  process.stderr.write(`The native worker cannot be built: ${error.message}\n`)
  for (const line of error.whatToDo) process.stderr.write(`  ${line}\n`)
  process.stderr.write(`Without it the server runs with Bun alone (${unavailability}).\n`)
  process.exitCode = 1
}
