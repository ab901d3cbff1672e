import { Either, Schema } from "effect"
import { readFile, stat } from "node:fs/promises"
import { isAbsolute, relative } from "node:path"
import { fileURLToPath } from "node:url"
import type { Case, Needs } from "../model/Case.ts"
import type { Requirement, Role } from "../model/Requirement.ts"
import { WORKER_FEATURES } from "../model/Suite.ts"
import { didYouMean } from "../nearest.ts"
import { CaseFileErrors, type Mistake, type Place, showPlace } from "./Mistakes.ts"
import { decodeValue } from "./schemaMistakes.ts"
import type { Step, StepKind } from "./steps.ts"
import { readYaml, type YamlFault, type YamlSource } from "./YamlSource.ts"

/** A case as its file has it; `fields` are those that the suite adds (`function`, `handler`). */
export type LoadedCase<Fields, Session> = Omit<Case<never>, "run"> & {
  readonly fields: Fields
  readonly steps: ReadonlyArray<Step<Session>>
}

export interface CaseFileOptions<Fields, Encoded, Session> {
  /** Their paths. */
  readonly files: ReadonlyArray<string>
  /** The first word of the cases' ids: `worker`. */
  readonly suite: string
  readonly requirements: ReadonlyMap<string, Requirement>
  /** Whose requirements the suite tests: a case checks no other's. */
  readonly roles: ReadonlyArray<Role>
  /** What a case has besides the common keys; `Schema.Struct({})` where that is nothing. */
  readonly fields: Schema.Schema<Fields, Encoded>
  /** What the schema of the fields cannot see; paths from the case: `["function"]`. */
  readonly checkFields?: (fields: Fields) => ReadonlyArray<Mistake>
  readonly steps: ReadonlyArray<StepKind<Session>>
  /** The bound of a case that has no `timeout_ms`. */
  readonly defaultTimeoutMs: number
  /** Ids of cases that are code, which files may not have again. */
  readonly takenIds?: Iterable<string>
}

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/
const Name = Schema.String.pipe(
  Schema.pattern(NAME, { message: () => "use lower case words with dashes: answers-once" })
)
const MOST_MS = 120_000
const Millis = Schema.Int.pipe(
  Schema.between(1, MOST_MS, { message: () => `use milliseconds from 1 to ${MOST_MS}` })
)

/** What a case may need of a server, as of a worker its features: a name that is in no list would be had by nobody, ever. */
const TRAITS = [
  "own",
  "local",
  "http",
  "socket",
  "pid",
  "logs",
  "scripted-worker",
  "no-api-key",
  "bun",
  "quickjs-ng"
] as const

const NeedsSchema = Schema.Struct({
  features: optional(Schema.Array(Schema.Literal(...WORKER_FEATURES))),
  javascript: optional(Schema.Boolean),
  protocol: optional(Schema.Literal("1.0", "1.1")),
  traits: optional(Schema.Array(Schema.Literal(...TRAITS)))
})

const common = {
  id: Name,
  title: Schema.NonEmptyString,
  requirements: Schema.Array(Schema.String).pipe(
    Schema.minItems(1, { message: () => "a case checks at least one requirement" })
  ),
  needs: optional(NeedsSchema),
  timeout_ms: optional(Millis),
  alone: optional(Schema.Boolean),
  steps: Schema.Array(Schema.Unknown).pipe(
    Schema.minItems(1, { message: () => "a case has at least one step" })
  )
}
const Common = Schema.Struct(common)
/** Each is read by itself, so that one mistake hides no other. */
const AnyCase = Schema.declare(
  (value): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value),
  { message: () => "a case is a map" }
)
const FileSchema = Schema.Struct({
  area: Name,
  needs: optional(NeedsSchema),
  cases: Schema.Array(AnyCase).pipe(
    Schema.minItems(1, { message: () => "a case file has at least one case" })
  )
})

const LARGEST_FILE = 2_000_000

/**
 * Loads case files. Everything that is wrong with all of them is told at once, by `CaseFileErrors`: what cannot be read, is no
 * YAML, has unknown keys, steps or requirements, or an id twice.
 */
export const loadCaseFiles = async <Fields, Encoded, Session>(
  options: CaseFileOptions<Fields, Encoded, Session>
): Promise<ReadonlyArray<LoadedCase<Fields, Session>>> => {
  const faults: Array<string> = []
  const seen = new Map([...(options.takenIds ?? [])].map((id) => [id, "a case in code"]))
  const cases: Array<LoadedCase<Fields, Session>> = []
  for (const path of options.files) {
    const file = shownPath(path)
    const text = await readText(path)
    if (typeof text !== "string") {
      faults.push(`${file}: ${text.fault}`)
      continue
    }
    const source = readYaml(file, text)
    const found: Array<YamlFault> = []
    if (isFaults(source)) found.push(...source)
    else {
      const fault: Fault = (place, message) => void found.push({ place, message })
      cases.push(...readFileCases(options, source, fault, seen))
    }
    const inOrder = found.toSorted((a, b) => a.place.line - b.place.line || a.place.column - b.place.column)
    faults.push(...inOrder.map(({ place, message }) => `${showPlace(place)}: ${message}`))
  }
  if (faults.length > 0) throw new CaseFileErrors(faults)
  return cases
}

type Fault = (place: Place, message: string) => void

const isFaults = (source: YamlSource | ReadonlyArray<YamlFault>): source is ReadonlyArray<YamlFault> =>
  Array.isArray(source)

const readFileCases = <Fields, Encoded, Session>(
  options: CaseFileOptions<Fields, Encoded, Session>,
  source: YamlSource,
  fault: Fault,
  seen: Map<string, string>
): ReadonlyArray<LoadedCase<Fields, Session>> => {
  const file = decodeValue(FileSchema, source.value)
  if (Either.isLeft(file)) {
    tell(file.left, source, [], fault)
    return []
  }
  const { area, cases, needs } = file.right
  return cases.flatMap((value, index) => {
    const path = ["cases", index]
    const loaded = readCase(options, source, path, area, value, fault)
    // also of a case that has other mistakes: all are told at once
    const isTaken =
      typeof value["id"] === "string" &&
      !takeId(`${options.suite}/${area}/${value["id"]}`, source, path, fault, seen)
    return loaded === null || isTaken ? [] : [{ ...loaded, needs: bothNeeds(needs, loaded.needs) }]
  })
}

/** Whether nobody had it. */
const takeId = (
  id: string,
  source: YamlSource,
  path: ReadonlyArray<PropertyKey>,
  fault: Fault,
  seen: Map<string, string>
): boolean => {
  const first = seen.get(id)
  if (first !== undefined) fault(source.placeOf([...path, "id"]), `the id ${id} is taken by ${first}`)
  const { file, line } = source.placeOf(path)
  if (first === undefined) seen.set(id, `${file}:${line}`)
  return first === undefined
}

const readCase = <Fields, Encoded, Session>(
  options: CaseFileOptions<Fields, Encoded, Session>,
  source: YamlSource,
  path: ReadonlyArray<PropertyKey>,
  area: string,
  value: Record<string, unknown>,
  fault: Fault
): LoadedCase<Fields, Session> | null => {
  const [ours, theirs] = partedKeys(value)
  const frame = decodeValue(Common, ours)
  const fields = decodeValue(options.fields, theirs)
  const mistakes = [
    ...Either.match(frame, { onLeft: (all) => all, onRight: () => [] }),
    ...foreignRequirements(listOf(ours, "requirements"), options),
    ...Either.match(fields, {
      onLeft: withOurKeys,
      onRight: (decoded) => options.checkFields?.(decoded) ?? []
    })
  ]
  tell(mistakes, source, path, fault)
  // also where the frame is wrong: all mistakes are told at once
  const steps = listOf(ours, "steps").flatMap((step, index) => {
    const read = readStep(options.steps, source, [...path, "steps", index], step, fault)
    return read === null ? [] : [read]
  })
  if (Either.isLeft(frame) || Either.isLeft(fields)) return null
  const { id, title, requirements, needs, timeout_ms, alone } = frame.right
  const { file, line } = source.placeOf(path)
  return {
    id: `${options.suite}/${area}/${id}`,
    title,
    requirements,
    source: `${file}:${line}`,
    needs: needs ?? {},
    timeoutMs: timeout_ms ?? options.defaultTimeoutMs,
    alone: alone ?? false,
    fields: fields.right,
    steps
  }
}

const readStep = <Session>(
  kinds: ReadonlyArray<StepKind<Session>>,
  source: YamlSource,
  path: ReadonlyArray<PropertyKey>,
  value: unknown,
  fault: Fault
): Step<Session> | null => {
  const names = kinds.map(({ name }) => name)
  const place = source.placeOf(path)
  const keys = typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : []
  const [key] = keys
  if (key === undefined || keys.length > 1) {
    fault(place, `a step is a map with one key, which says what it does: ${names.join(", ")}`)
    return null
  }
  const kind = kinds.find(({ name }) => name === key)
  if (kind === undefined) {
    fault(
      source.placeOf([...path, key], "key"),
      `there is no step ${key}${didYouMean(key, names, `; there are ${names.join(", ")}`)}`
    )
    return null
  }
  const read = kind.read((value as Record<string, unknown>)[key])
  if (Either.isRight(read)) return { name: key, place, play: read.right }
  tell(read.left, source, [...path, key], fault)
  return null
}

const tell = (
  mistakes: ReadonlyArray<Mistake>,
  source: YamlSource,
  path: ReadonlyArray<PropertyKey>,
  fault: Fault
): void => {
  for (const mistake of mistakes) {
    const at = mistake.message.startsWith("unknown key ") ? "key" : "value"
    fault(source.placeOf([...path, ...mistake.path], at), mistake.message)
  }
}

const commonKeys = new Set(Object.keys(common))

/** A case's keys: the common ones, and those that the suite knows or nobody. */
const partedKeys = (
  value: Record<string, unknown>
): readonly [ours: Record<string, unknown>, theirs: Record<string, unknown>] => {
  const entries = Object.entries(value)
  return [
    Object.fromEntries(entries.filter(([key]) => commonKeys.has(key))),
    Object.fromEntries(entries.filter(([key]) => !commonKeys.has(key)))
  ]
}

/** The suite's fields do not know the common keys, which may be what was meant. */
const withOurKeys = (mistakes: ReadonlyArray<Mistake>): ReadonlyArray<Mistake> =>
  mistakes.map((mistake) => {
    const key = String(mistake.path[0] ?? "")
    const isPlain = mistake.path.length === 1 && mistake.message.startsWith("unknown key ")
    const meant = isPlain && !mistake.message.includes("did you mean") ? didYouMean(key, commonKeys) : ""
    return meant === "" ? mistake : { ...mistake, message: `unknown key ${key}${meant}` }
  })

const listOf = (value: Record<string, unknown>, key: string): ReadonlyArray<unknown> => {
  const list = value[key]
  return Array.isArray(list) ? list : []
}

/** What is not in the specification, or binds somebody else. */
const foreignRequirements = (
  ids: ReadonlyArray<unknown>,
  {
    requirements,
    roles,
    suite
  }: Pick<CaseFileOptions<never, never, never>, "requirements" | "roles" | "suite">
): ReadonlyArray<Mistake> =>
  ids.flatMap((id, index) => {
    if (typeof id !== "string") return []
    const path = ["requirements", index]
    const bound = requirements.get(id)?.roles
    if (bound === undefined) return [{ path, message: `there is no requirement ${id} in the specification` }]
    if (bound.some((role) => roles.includes(role))) return []
    return [
      { path, message: `${id} binds ${bound.join(" and ")}, and no case of the ${suite} suite checks it` }
    ]
  })

const bothNeeds = (file: Needs | undefined, own: Needs): Needs => {
  if (file === undefined) return own
  const features = [...(file.features ?? []), ...(own.features ?? [])]
  const traits = [...(file.traits ?? []), ...(own.traits ?? [])]
  return { ...file, ...own, features: [...new Set(features)], traits: [...new Set(traits)] }
}

const readText = async (path: string): Promise<string | { readonly fault: string }> => {
  try {
    const { size } = await stat(path)
    if (size > LARGEST_FILE)
      return { fault: `too large for a case file: ${size} of at most ${LARGEST_FILE} bytes` }
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path))
  } catch (error) {
    if (error instanceof TypeError) return { fault: "is not UTF-8" }
    return { fault: `cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
}

const root = fileURLToPath(new URL("../../", import.meta.url))

/** From the project's root where it lies in there, else as it was given. */
const shownPath = (path: string): string => {
  const fromRoot = relative(root, path)
  return isAbsolute(path) && !fromRoot.startsWith("..") ? fromRoot : path
}
