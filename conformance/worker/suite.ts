import { Schema } from "effect"
import { readdir } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { loadCaseFiles } from "../data/CaseFiles.ts"
import { playSteps } from "../data/steps.ts"
import { type Case, CaseFailure } from "../model/Case.ts"
import type { WorkerOptions } from "../model/Options.ts"
import type { Requirement } from "../model/Requirement.ts"
import type { Suite } from "../model/Suite.ts"
import { codeCases } from "./cases/code.ts"
import { isFunctionName } from "./functions.ts"
import { probeTarget } from "./probeTarget.ts"
import { optional } from "./steps/schemas.ts"
import { workerSteps } from "./steps/kinds.ts"
import { WorkerTarget } from "./WorkerTarget.ts"

/** One wait for something that the worker has to say. */
const PATIENCE_MS = 8_000
const DEFAULT_TIMEOUT_MS = 15_000
const ROLES = ["worker"] as const

const caseFolder = fileURLToPath(new URL("cases/", import.meta.url))

const Fields = Schema.Struct({
  /** A fixture function; left out: the worker is started without a bundle. */
  function: optional(Schema.String),
  handler: optional(Schema.String),
  env: optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  /** The bundle is named from the working directory. */
  relative: optional(Schema.Boolean),
  /** False: the case begins at once, and hears `ready` itself. */
  await_ready: optional(Schema.Boolean),
  /**
   * What the monitors see violates the case's own requirements too: it tempts the worker to say what nobody may say.
   */
  owns_violations: optional(Schema.Literal(true))
})

/**
 * A case checks all of its requirements at once: it is for those that all of them bind. What they are about is what it needs.
 */
const withNeeds = (
  one: Case<WorkerTarget>,
  requirements: ReadonlyMap<string, Requirement>
): Case<WorkerTarget> => {
  const bound = one.requirements.flatMap((id) => requirements.get(id) ?? [])
  const features = [
    ...(one.needs.features ?? []),
    ...bound.flatMap(({ feature }) => (feature === null ? [] : [feature]))
  ]
  const later = one.needs.protocol === "1.1" || bound.some(({ since }) => since === "1.1")
  const javascript = one.needs.javascript === true || bound.some((requirement) => requirement.javascript)
  return {
    ...one,
    needs: {
      ...one.needs,
      features: [...new Set(features)],
      ...(later ? { protocol: "1.1" as const } : {}),
      ...(javascript ? { javascript } : {})
    }
  }
}

const owned = (played: Promise<void>, requirements: ReadonlyArray<string>): Promise<void> =>
  played.catch((error: unknown) => {
    if (!(error instanceof CaseFailure) || error.requirements === undefined) throw error
    const { expected, message, observed } = error
    const violated = [...new Set([...error.requirements, ...requirements])]
    throw new CaseFailure(message, { expected, observed, requirements: violated })
  })

type Cases = ReadonlyArray<Case<WorkerTarget>>
/** The suite's own cases, by the specification that they were loaded for: one run may test many workers. */
const loadedCases = new WeakMap<ReadonlyMap<string, Requirement>, Promise<Cases>>()

const ownCases = (requirements: ReadonlyMap<string, Requirement>): Promise<Cases> => {
  const loaded = loadedCases.get(requirements) ?? loadCases(requirements, [])
  loadedCases.set(requirements, loaded)
  return loaded
}

const loadCases = async (
  requirements: ReadonlyMap<string, Requirement>,
  more: ReadonlyArray<string>
): Promise<Cases> => {
  const own = (await readdir(caseFolder)).filter((name) => name.endsWith(".yaml")).sort()
  const loaded = await loadCaseFiles({
    files: [...own.map((name) => caseFolder + name), ...more],
    suite: "worker",
    requirements,
    roles: ROLES,
    fields: Fields,
    checkFields: (fields) =>
      fields.function === undefined || isFunctionName(fields.function)
        ? []
        : [{ path: ["function"], message: `there is no function ${fields.function}` }],
    steps: workerSteps,
    defaultTimeoutMs: DEFAULT_TIMEOUT_MS,
    takenIds: codeCases.map(({ id }) => id)
  })
  const dataCases = loaded.map(({ fields, steps, ...rest }): Case<WorkerTarget> => {
    const setting = {
      function: fields.function ?? null,
      // what is to move much takes longer
      patience: Math.max(1, rest.timeoutMs / DEFAULT_TIMEOUT_MS),
      ...(fields.handler === undefined ? {} : { handler: fields.handler }),
      ...(fields.relative === undefined ? {} : { relative: fields.relative }),
      ...(fields.env === undefined ? {} : { env: fields.env }),
      ...(fields.await_ready === undefined ? {} : { awaitReady: fields.await_ready })
    }
    // without a bundle it can only be loaded
    const features = [...(rest.needs.features ?? []), ...(fields.function === undefined ? ["load"] : [])]
    // nobody has a port of such a function
    const javascript = fields.function?.startsWith("js/") === true ? { javascript: true } : {}
    return {
      ...rest,
      needs: { ...rest.needs, features, ...javascript },
      run: (target, context) => {
        const played = target.play(setting, context, (room) => playSteps(steps, room, context.signal))
        return fields.owns_violations === true ? owned(played, rest.requirements) : played
      }
    }
  })
  return [...dataCases, ...codeCases].map((one) => withNeeds(one, requirements))
}

/** The suite for one worker: `bunbase conformance worker`. Rejects with `CaseFileErrors`. */
export const workerSuite = async (options: WorkerOptions): Promise<Suite<WorkerTarget>> => {
  const { caseFiles, requirements } = options
  return {
    name: "worker",
    roles: ROLES,
    title: options.runtime === "other" ? "worker" : options.runtime,
    command: options.cmd,
    cases: caseFiles.length === 0 ? await ownCases(requirements) : await loadCases(requirements, caseFiles),
    start: async (context) => {
      const target = new WorkerTarget({
        command: options.cmd,
        functions: options.functions,
        extension: options.extension,
        patienceMs: PATIENCE_MS * options.timeoutFactor,
        propertyRuns: options.propertyRuns
      })
      const probed = await probeTarget(target, options, context)
      target.features = probed.facts.features
      return { target, ...probed, stop: async () => {} }
    }
  }
}
