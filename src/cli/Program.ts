import type { CommandGroup, CommandSpec } from "./CommandLine.ts"
import { build } from "./build.ts"
import { config } from "./config.ts"
import { deploy } from "./deploy.ts"
import { get } from "./get.ts"
import { init } from "./init.ts"
import { invoke } from "./invoke.ts"
import { list } from "./list.ts"
import { serve } from "./serve.ts"
import { versions } from "./versions.ts"

/** The program's commands. */
export const commands: ReadonlyArray<CommandSpec> = [serve, config]

export const functions: CommandGroup = {
  name: "functions",
  aliases: ["fn"],
  summary: "make, deploy, look at and call functions",
  commands: [init, build, deploy, list, get, versions, invoke]
}

export const summary = "BunBase Functions: serverless functions on one machine."

export const examples: ReadonlyArray<string> = [
  "bunbase serve --examples",
  "bunbase fn init hello",
  "bunbase fn deploy hello ./hello",
  "bunbase fn invoke hello --path '/?name=Alice'"
]
