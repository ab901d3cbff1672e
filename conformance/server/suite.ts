import { Schema } from "effect"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type LoadedCase, loadCaseFiles } from "../data/CaseFiles.ts"
import { playSteps } from "../data/steps.ts"
import type { ServerOptions } from "../model/Options.ts"
import type { Requirement } from "../model/Requirement.ts"
import type { Suite } from "../model/Suite.ts"
import { codeCases } from "./cases/index.ts"
import { benched, RUNTIMES, type ServerCase } from "./define.ts"
import { Door } from "./Door.ts"
import { propertyCases } from "./properties/index.ts"
import { type ServerTarget, startTarget } from "./ServerTarget.ts"
import { hostSteps } from "./hostSteps.ts"
import { rawSteps } from "./rawSteps.ts"
import { newSession, serverSteps, type Session } from "./steps.ts"

const CASES = fileURLToPath(new URL("cases/", import.meta.url))

const ROLES = ["server", "host"] as const

const Fields = Schema.Struct({
  /** `each`: the case is played once on each runtime. Else on the first of `--runtimes`. */
  runtimes: Schema.optionalWith(Schema.Literal("each", "first", ...RUNTIMES), { exact: true }),
  /** Settings of the function `server.js` that the case calls; it is shared with all that name the same. */
  function: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.Unknown }), { exact: true })
})
type Fields = typeof Fields.Type

/** The cases of the server suite: those in files and those in code. Rejects with `CaseFileErrors`. */
export const loadServerCases = async (
  requirements: ReadonlyMap<string, Requirement>,
  propertyRuns: number | null,
  more: ReadonlyArray<string> = []
): Promise<ReadonlyArray<ServerCase>> => {
  const names = (await readdir(CASES)).filter((name) => name.endsWith(".yaml")).toSorted()
  const inCode = [...codeCases, ...propertyCases(propertyRuns)]
  const loaded = await loadCaseFiles({
    files: [...names.map((name) => join(CASES, name)), ...more],
    suite: "server",
    requirements,
    roles: ROLES,
    fields: Fields,
    steps: [...serverSteps, ...rawSteps, ...hostSteps],
    defaultTimeoutMs: 20_000,
    takenIds: inCode.map(({ id }) => id)
  })
  const all = [...loaded.flatMap(onRuntimes), ...inCode]
  for (const { id, requirements: named } of inCode) {
    const unknown = named.find((one) => !requirements.has(one))
    if (unknown !== undefined) throw new Error(`${id}: there is no requirement ${unknown}`)
  }
  // what mostly waits begins first, so that the others have run when it ends
  return [...all.filter(isLong), ...all.filter((one) => !isLong(one))]
}

/** They are the same for every server; reading the files takes as long as some broken servers have. */
const kept = new WeakMap<object, Promise<ReadonlyArray<ServerCase>>>()

const ownCases = (requirements: ReadonlyMap<string, Requirement>): Promise<ReadonlyArray<ServerCase>> => {
  const cases = kept.get(requirements) ?? loadServerCases(requirements, null)
  kept.set(requirements, cases)
  return cases
}

const isLong = ({ timeoutMs }: ServerCase): boolean => timeoutMs >= 60_000

const onRuntimes = (one: LoadedCase<Fields, Session>): ReadonlyArray<ServerCase> => {
  const { runtimes = "first" } = one.fields
  if (runtimes === "first") return [caseOf(one, null, one.id)]
  if (runtimes !== "each") return [caseOf(one, runtimes, one.id)]
  return RUNTIMES.map((runtime) => caseOf(one, runtime, `${one.id}-${runtime}`))
}

const caseOf = (
  { alone, fields, needs, requirements, source, steps, timeoutMs, title }: LoadedCase<Fields, Session>,
  runtime: string | null,
  id: string
): ServerCase => ({
  id,
  title: runtime === null ? title : `${title} (${runtime})`,
  requirements,
  source,
  needs: runtime === null ? needs : { ...needs, traits: [...(needs.traits ?? []), runtime] },
  timeoutMs,
  alone,
  run: benched(async (bench) => {
    const { address, context, functions } = bench.server
    const door = new Door(address, context, functions, runtime ?? bench.server.runtime)
    const fn = fields.function === undefined ? null : await door.sharedFn(fields.function)
    await playSteps(steps, { ...newSession(bench, fn), door }, context.signal)
  })
})

/** `bunbase conformance server` */
export const serverSuite = async (options: ServerOptions): Promise<Suite<ServerTarget>> => {
  const { caseFiles, cmd, propertyRuns, requirements, socket, url } = options
  const isOwn = propertyRuns === null && caseFiles.length === 0
  return {
    name: "server",
    roles: ROLES,
    title: "server",
    command: cmd ?? [url, socket].filter((one) => one !== null).join(" "),
    cases: await (isOwn ? ownCases(requirements) : loadServerCases(requirements, propertyRuns, caseFiles)),
    start: (context) => startTarget(options, context)
  }
}
