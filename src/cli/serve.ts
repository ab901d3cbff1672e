import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { ConfigInvalid } from "../config/ConfigInvalid.ts"
import type { ResolvedConfig } from "../config/resolveConfig.ts"
import { CliFailure, ExitCode, splitAdvice } from "./CliFailure.ts"
import { command, toggle } from "./CommandLine.ts"
import { commandWord, typedPath } from "./commandWord.ts"
import { withFlags } from "./flagWords.ts"
import { configFaults, configInvalid, resolveServerConfig, serverFlags } from "./serverFlags.ts"

export const serve = command({
  name: "serve",
  summary: "run the server",
  details: [
    "It listens for HTTP (functions at /functions/NAME, management at /api/functions) and on a unix socket, until SIGTERM or " +
      "Ctrl-C; then it finishes what is in flight. Every flag can also be a FUNCTIONS_* variable or a key of the --config file."
  ],
  parameters: {
    ...serverFlags,
    examples: toggle("examples", "Deploy the project's examples once the server is up.")
  },
  examples: [
    "bunbase serve",
    "bunbase serve --examples",
    "bunbase serve --http-port 9000 --data-dir /var/lib/bunbase --socket /run/bunbase.sock",
    "FUNCTIONS_API_KEY=$(openssl rand -hex 24) bunbase serve --http-host 0.0.0.0"
  ],
  alsoWrong: (given) => {
    const { examples: _, ...flags } = given
    return configFaults(flags)
  },
  run: ({ examples, ...flags }) =>
    Effect.gen(function* () {
      const { options, origins } = yield* resolveServerConfig(flags, CONSEQUENCE)
      const App = yield* Effect.promise(() => import("../App.ts"))
      yield* App.run({
        options,
        examples,
        typed: { command: commandWord(), examples: typedPath(EXAMPLES) }
      }).pipe(Effect.mapError((error) => notStarted(error, origins)))
    })
})

const EXAMPLES = fileURLToPath(new URL("../../examples", import.meta.url))

const CONSEQUENCE = "; nothing was started"

const notStarted = (
  error: ConfigInvalid | { readonly message: string },
  origins: ResolvedConfig["origins"]
): CliFailure =>
  error instanceof ConfigInvalid
    ? // The machine cannot do what was asked for: only the start can tell, and who asked is known here.
      configInvalid(error.from({ memory_limit_by: origins.memoryLimitBy }), CONSEQUENCE)
    : new CliFailure({ exitCode: ExitCode.failed, ...splitAdvice(withFlags(error.message)) })
