import { Effect } from "effect"
import { createRequire } from "node:module"
import { type ExitCode, silent } from "./CliFailure.ts"
import type { CommandSpec } from "./CommandLine.ts"

const load = createRequire(import.meta.url)
const PATH = "bunbase conformance"
const COMMANDS = "../../conformance/cli/commands.ts"
const HELP = "../../conformance/cli/help.ts"

/** The conformance program is one of its own, which knows nothing of the server: it gets its arguments as they are. */
export const conformance: CommandSpec = {
  name: "conformance",
  summary: "hold a worker or a server against the specification",
  details: [],
  arguments: [],
  flags: [],
  examples: [],
  own: {
    // Loaded when it is asked for: no other command is to wait for the suite, or need it.
    help: () => {
      const { commands } = load(COMMANDS) as typeof import("../../conformance/cli/commands.ts")
      const { programHelp } = load(HELP) as typeof import("../../conformance/cli/help.ts")
      return programHelp(PATH, commands)
    }
  },
  run: (args) =>
    Effect.flatMap(
      Effect.promise(async () => (await import("../../conformance/main.ts")).main(args)),
      // the program's exit codes are of the same table
      (code) => (code === 0 ? Effect.void : Effect.fail(silent(code as ExitCode)))
    )
}
