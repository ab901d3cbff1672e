import { mkdir, writeFile } from "node:fs/promises"
import { dirname } from "node:path"
import { BadOptions, type Options, parseOptions, usage } from "./Options.ts"
import { describeMachine, isBusy, machineLine } from "./Machine.ts"
import { renderTable } from "./Report.ts"
import { benchmarks, exitCodeOf, runBenchmarks } from "./Suite.ts"
import { startBunbase } from "./subjects/BunbaseSubject.ts"

const readOptions = (): Options => {
  try {
    return parseOptions(
      process.argv.slice(2),
      benchmarks.map(({ id }) => id)
    )
  } catch (error) {
    if (!(error instanceof BadOptions)) throw error
    process.stderr.write(`${error.message}\n\n${usage}`)
    process.exit(2)
  }
}

const options = readOptions()
const machine = describeMachine()
process.stdout.write(`${machineLine(machine)}, seed ${options.seed}\n`)
if (isBusy(machine) && !options.smoke) {
  process.stdout.write("the machine is busy with something else: do not trust these figures\n")
}

// Now, and not after minutes of measuring, is the time to find out that it cannot be written.
if (options.jsonFile !== null) {
  await mkdir(dirname(options.jsonFile), { recursive: true })
  await writeFile(options.jsonFile, "")
}

const interruption = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interruption.abort(signal))

const rows = await runBenchmarks(options, {
  startSubject: startBunbase,
  progress: (what) => void process.stderr.write(`${what}\n`),
  interruption: interruption.signal
})

process.stdout.write(`\n${renderTable(rows)}\n`)
if (options.jsonFile !== null) {
  await writeFile(options.jsonFile, `${JSON.stringify({ machine, options, rows }, null, 2)}\n`)
}
process.exit(interruption.signal.aborted ? 130 : exitCodeOf(rows, options))
