import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Bench } from "../Bench.ts"
import { type Door, Fn } from "../Door.ts"
import { type JournalEntry, scriptBundle, type ScriptedWorker } from "./ScriptedWorker.ts"

/** A function whose workers do what a script says, and what they heard from their host. */
export interface ScriptedFunction {
  readonly fn: Fn
  /** All lines of the host to all of its workers so far, in the order in which they were heard. */
  readonly journal: () => ReadonlyArray<JournalEntry>
  /** Its messages of one type. */
  readonly heard: (type: string) => ReadonlyArray<Heard>
}

export interface Heard {
  readonly pid: number
  readonly at: number
  readonly id: string
  readonly payload: Readonly<Record<string, unknown>>
}

export const journalOf = (path: string): ReadonlyArray<JournalEntry> =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        // the last line may be half written
        .slice(0, -1)
        .map((line) => JSON.parse(line) as JournalEntry)
    : []

export const heardIn = (entries: ReadonlyArray<JournalEntry>, type: string): ReadonlyArray<Heard> =>
  entries.flatMap(({ at, message, pid }) =>
    message?.type === type ? [{ pid, at, id: message.id, payload: message.payload }] : []
  )

/** Where the journal of a case's scripted workers is. */
export const journalPath = (bench: Bench): string => join(bench.context.folder, "journal.jsonl")

const scriptedBy =
  (deploy: (server: Door, name: string, source: string) => Promise<unknown>) =>
  async <Args extends object>(
    bench: Bench,
    script: (worker: ScriptedWorker, args: Args & { readonly journal: string }) => unknown,
    args: Args,
    settings: Readonly<Record<string, unknown>> = {},
    door?: Door
  ): Promise<ScriptedFunction> => {
    const journal = journalPath(bench)
    const server = door ?? (await bench.scripted())
    const source = scriptBundle(script, { ...args, journal })
    const name = server.name()
    const view = await server.register({ name, runtime: "quickjs-ng", ...settings })
    await deploy(server, name, source)
    return {
      fn: new Fn(server, { name, id: String(view["function_id"]) }),
      journal: () => journalOf(journal),
      heard: (type) => heardIn(journalOf(journal), type)
    }
  }

/**
 * Deploys a script to the instance whose workers are the suite's own program. `args.journal` is where it may keep its journal.
 */
export const scripted = scriptedBy((server, name, source) => server.deploy(name, "v1", source))

/** The same where the case is about what the script's workers announce, and what becomes of the deployment by it. */
export const expectScripted = scriptedBy((server, name, source) => server.expectDeployed(name, "v1", source))
