import type { CommandGroup, CommandSpec } from "./CommandLine.ts"
import { build } from "./build.ts"
import { config } from "./config.ts"
import { conformance } from "./conformance.ts"
import { deletion } from "./delete.ts"
import { deploy } from "./deploy.ts"
import { get } from "./get.ts"
import { init } from "./init.ts"
import { invoke } from "./invoke.ts"
import { list } from "./list.ts"
import { reset } from "./reset.ts"
import { rollback } from "./rollback.ts"
import { serve } from "./serve.ts"
import { versions } from "./versions.ts"

/** The program's commands. */
export const commands: ReadonlyArray<CommandSpec> = [serve, config, conformance]

export const functions: CommandGroup = {
  name: "functions",
  aliases: ["fn"],
  summary: "make, deploy, look at, call and delete functions",
  commands: [init, build, deploy, rollback, list, get, versions, invoke, reset, deletion]
}

/**
 * What people look for, and this version does not have: what can be done instead. Keyed by what they type after
 * `bunbase fn`; several words for one thing say the same.
 */
const logs =
  "they are in the folder logs of the data folder, a file per day, and on the server's terminal; see: docs/getting-started.md"
const fixed =
  "settings are fixed when a function is registered: deploy it under another name, with the flags of `bunbase fn deploy`"
export const notInThisVersion: ReadonlyMap<string, string> = new Map([
  ["logs", logs],
  ["log", logs],
  ["metrics", "workers and queue are shown by: bunbase fn get NAME"],
  ["stats", "workers and queue are shown by: bunbase fn get NAME"],
  ["update", fixed],
  ["set", fixed],
  ["env", fixed],
  ["secrets", fixed]
])

/** Other words for commands that there are. */
export const otherWords: ReadonlyMap<string, string> = new Map([
  ["create", "init"],
  ["new", "init"],
  ["register", "deploy"],
  ["push", "deploy"],
  ["publish", "deploy"],
  ["revert", "rollback"],
  ["undo", "rollback"],
  ["remove", "delete"],
  ["rm", "delete"],
  ["undeploy", "delete"],
  ["ls", "list"],
  ["show", "get"],
  ["info", "get"],
  ["status", "get"],
  ["call", "invoke"],
  ["run", "invoke"],
  ["exec", "invoke"]
])

export const summary = "BunBase Functions: serverless functions on one machine."

export const examples: ReadonlyArray<string> = [
  "bunbase serve --examples",
  "bunbase fn init hello",
  "bunbase fn deploy hello ./hello",
  "bunbase fn invoke hello --path '/?name=Alice'"
]
