import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import type { Case, Needs } from "../model/Case.ts"
import { Bench } from "./Bench.ts"
import type { ServerTarget } from "./ServerTarget.ts"

export type ServerCase = Case<ServerTarget>

const root = fileURLToPath(new URL("../../", import.meta.url))

/** Where the caller's caller stands. */
const sourceOf = (): string => {
  const line = (new Error("here").stack ?? "").split("\n")[3] ?? ""
  const [, path = "", row = "0"] = /\(?((?:file:\/\/)?\/[^():]+):(\d+):\d+\)?$/.exec(line.trim()) ?? []
  return `${relative(root, path.replace("file://", ""))}:${row}`
}

export interface CaseOptions {
  /** What it needs: `own`, `scripted-worker`, `http`, … */
  readonly traits?: ReadonlyArray<string>
  readonly timeoutMs?: number
  readonly alone?: boolean
  /** It does nothing but wait, for long. */
  readonly waits?: boolean
}

const DEFAULT_MS = 20_000

export const benched =
  (play: (bench: Bench) => Promise<void>): ServerCase["run"] =>
  async (target, context) => {
    const bench = new Bench(target, context)
    try {
      await play(bench)
    } finally {
      await bench.end()
    }
  }

/** Defines the cases of one area in code: `server/<area>/<id>`. */
export const casesOf = (area: string, traits: ReadonlyArray<string> = []) => {
  const all: Array<ServerCase> = []
  const add = (
    id: string,
    title: string,
    requirements: ReadonlyArray<string>,
    options: CaseOptions,
    play: (bench: Bench) => Promise<void>,
    source: string
  ) => {
    const needs: Needs = { traits: [...new Set([...traits, ...(options.traits ?? [])])] }
    const { alone = false, timeoutMs = DEFAULT_MS, waits = false } = options
    all.push({
      id: `server/${area}/${id}`,
      title,
      requirements,
      source,
      needs,
      timeoutMs,
      alone,
      waits,
      run: benched(play)
    })
  }
  return {
    all,
    add: (
      id: string,
      title: string,
      requirements: ReadonlyArray<string>,
      options: CaseOptions,
      play: (bench: Bench) => Promise<void>
    ): void => add(id, title, requirements, options, play, sourceOf()),
    /** One case on each runtime. */
    each: (
      id: string,
      title: string,
      requirements: ReadonlyArray<string>,
      options: CaseOptions,
      play: (bench: Bench, runtime: string) => Promise<void>
    ): void => {
      const source = sourceOf()
      for (const runtime of RUNTIMES) {
        const traitsOf = [...(options.traits ?? []), runtime]
        add(
          `${id}-${runtime}`,
          `${title} (${runtime})`,
          requirements,
          { ...options, traits: traitsOf },
          (bench) => play(bench, runtime),
          source
        )
      }
    }
  }
}

/** The runtimes that there are to be had. */
export const RUNTIMES = ["bun", "quickjs-ng"] as const
