/**
 * The server's program (`bunbase serve`, its flags behind this file's name) that dies where a test says.
 *
 * The file that BUNBASE_TEST_FAULT_POINT names holds `<point>` or `<point>:<n>`, or nothing: the process kills itself with
 * SIGKILL when it reaches that point for the nth time since that was written. The points that it reaches are appended to
 * `<file>.reached`, and its last act is to write down its descendants (`<pid> <start time>`) in `<file>.orphans`.
 */
import { Cause, Effect, Either, Exit } from "effect"
import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { readArguments } from "../../src/cli/readArguments.ts"
import { serve } from "../../src/cli/serve.ts"
import { FaultPoint, type FaultPointName } from "../../src/domain/FaultPoint.ts"
import { descendantsOf } from "./Processes.ts"

const control = process.env["BUNBASE_TEST_FAULT_POINT"] ?? ""
let armed = ""
let left = 0

const reached = (point: FaultPointName): void => {
  appendFileSync(`${control}.reached`, `${point}\n`)
  const wanted = readFileSync(control, "utf8")
  const [, name, count] = /^([^:]+:[^:]+)(?::(\d+))?$/.exec(wanted) ?? []
  if (wanted !== armed) {
    armed = wanted
    left = Number(count ?? 1)
  }
  if (point !== name || --left > 0) return
  const orphans = descendantsOf(process.pid).map(({ pid, since }) => `${pid} ${since}\n`)
  writeFileSync(`${control}.orphans`, orphans.join(""))
  process.kill(process.pid, "SIGKILL")
  // The signal takes a moment, and nothing may happen in it.
  for (;;);
}

const { args } = Either.getOrThrow(readArguments("serve", serve, process.argv.slice(3)))
Effect.runFork(Effect.provideService(serve.run(args), FaultPoint, reached)).addObserver((exit) => {
  if (Exit.isFailure(exit)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
  process.exit(Exit.isSuccess(exit) ? 0 : 1)
})
