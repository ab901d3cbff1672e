import { Effect } from "effect"
import { commands } from "../../conformance/cli/commands.ts"
import { programHelp } from "../../conformance/cli/help.ts"
import { type ExitCode, silent } from "./CliFailure.ts"
import type { CommandSpec } from "./CommandLine.ts"

const PATH = "bunbase conformance"

/** The conformance program is one of its own, which knows nothing of the server: it gets its arguments as they are. */
export const conformance: CommandSpec = {
  name: "conformance",
  summary: "hold a worker or a server against the specification",
  details: [],
  arguments: [],
  flags: [],
  examples: [],
  own: { help: () => programHelp(PATH, commands) },
  run: (args) =>
    Effect.flatMap(
      Effect.promise(async () => (await import("../../conformance/main.ts")).main(args)),
      // the program's exit codes are of the same table
      (code) => (code === 0 ? Effect.void : Effect.fail(silent(code as ExitCode)))
    )
}
