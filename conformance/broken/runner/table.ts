import { Either, Schema } from "effect"
import { readFile } from "node:fs/promises"
import { isAbsolute, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { CaseFileErrors, type Mistake, showPlace } from "../../data/Mistakes.ts"
import { decodeValue } from "../../data/schemaMistakes.ts"
import { readYaml, type YamlSource } from "../../data/YamlSource.ts"
import type { Requirement, Role } from "../../model/Requirement.ts"

/** A small target, and what the suite has to say of it. */
export interface BrokenTarget {
  readonly name: string
  readonly kind: "worker" | "server"
  /** What it does wrong, in one sentence; of a sound one, what it is. */
  readonly violates: string
  /** The requirements that have to turn red; empty of a sound target, which has to be green in everything. */
  readonly turnsRed: ReadonlyArray<string>
  /** Which cases are run, by id, with `*` and `?`; null: all that check one of these requirements. */
  readonly cases: ReadonlyArray<string> | null
  /** The shell command that starts it. */
  readonly command: string
  /** Of a server: as `--scripted-worker`. */
  readonly scriptedWorker: string | null
  /** Of a server: as `--runtimes`. */
  readonly runtimes: ReadonlyArray<string>
  /** Of a worker: as `--runtime`. */
  readonly runtime: "bun" | "quickjs-ng" | "other"
  readonly timeoutFactor: number
  /** A case whose time is over counts as red: what the target does wrong is that nothing more comes. */
  readonly byTimeout: boolean
  /** Where it stands: `conformance/broken/table.yaml:12`. */
  readonly source: string
}

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/
const Name = Schema.String.pipe(
  Schema.pattern(NAME, { message: () => "use lower case words with dashes: answers-twice" })
)
const Factor = Schema.Number.pipe(Schema.between(0.1, 10, { message: () => "give a factor from 0.1 to 10" }))

const Kind = Schema.Literal("worker", "server")
const own = {
  command: optional(Schema.NonEmptyString),
  runtime: optional(Schema.Literal("bun", "quickjs-ng", "other")),
  scripted_worker: optional(Schema.NonEmptyString),
  runtimes: optional(Schema.NonEmptyArray(Schema.Literal("bun", "quickjs-ng"))),
  timeout_factor: optional(Factor)
}
/** For all targets of a kind that say nothing else. */
const Defaults = Schema.Struct({ ...own, command: Schema.NonEmptyString })

const TargetSchema = Schema.Struct({
  name: Name,
  kind: Kind,
  violates: Schema.NonEmptyString,
  /** What it is made of, for `{flaws}` in the command; left out: its name. */
  flaws: optional(Schema.Array(Name)),
  turns_red: optional(
    Schema.Array(Schema.String).pipe(
      Schema.minItems(1, { message: () => "name a requirement that it turns red" })
    )
  ),
  /** It breaks nothing, and has to be green. */
  sound: optional(Schema.Literal(true)),
  by_timeout: optional(Schema.Literal(true)),
  cases: optional(Schema.NonEmptyArray(Schema.String)),
  ...own
})
type Target = typeof TargetSchema.Type

/** Each is read by itself, so that one mistake hides no other. */
const AnyTarget = Schema.declare(
  (value): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value),
  { message: () => "a target is a map" }
)
const FileSchema = Schema.Struct({
  worker: optional(Defaults),
  server: optional(Defaults),
  targets: Schema.Array(AnyTarget)
})
type File = typeof FileSchema.Type

/** Who is held to a requirement, by the kind of target that can break it. */
const ROLES: Readonly<Record<BrokenTarget["kind"], ReadonlyArray<Role>>> = {
  worker: ["worker"],
  server: ["server", "host"]
}

const root = fileURLToPath(new URL("../../../", import.meta.url))
export const TABLE = fileURLToPath(new URL("../table.yaml", import.meta.url))

/** The broken targets. Rejects with `CaseFileErrors`: all that is wrong with the table, with line and column. */
export const loadTable = async (
  requirements: ReadonlyMap<string, Requirement>,
  path = TABLE
): Promise<ReadonlyArray<BrokenTarget>> => {
  const fromRoot = relative(root, path)
  const file = isAbsolute(path) && !fromRoot.startsWith("..") ? fromRoot : path
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (error) {
    throw new CaseFileErrors([
      `${file}: cannot be read: ${error instanceof Error ? error.message : String(error)}`
    ])
  }
  const source = readYaml(file, text)
  if (isFaults(source))
    throw new CaseFileErrors(source.map(({ place, message }) => `${showPlace(place)}: ${message}`))
  const decoded = decodeValue(FileSchema, source.value)
  if (Either.isLeft(decoded)) throw mistaken(source, decoded.left)
  const { targets } = decoded.right
  const mistakes: Array<Mistake> = []
  const seen = new Set<string>()
  const loaded = targets.flatMap((value, index) => {
    const at = ["targets", index]
    const one = decodeValue(TargetSchema, value)
    const found = Either.isLeft(one) ? one.left : mistakesOf(one.right, decoded.right, requirements, seen)
    mistakes.push(...found.map(({ path: inside, message }) => ({ path: [...at, ...inside], message })))
    if (Either.isLeft(one) || found.length > 0) return []
    seen.add(one.right.name)
    const { line } = source.placeOf(at)
    return [targetOf(one.right, decoded.right, `${file}:${line}`)]
  })
  if (mistakes.length > 0) throw mistaken(source, mistakes)
  return loaded
}

const isFaults = (source: ReturnType<typeof readYaml>): source is Exclude<typeof source, YamlSource> =>
  Array.isArray(source)

const mistaken = (source: YamlSource, mistakes: ReadonlyArray<Mistake>): CaseFileErrors => {
  const placed = mistakes.map(({ path, message }) => ({
    place: source.placeOf(path, message.startsWith("unknown key ") ? "key" : "value"),
    message
  }))
  const inOrder = placed.toSorted((a, b) => a.place.line - b.place.line || a.place.column - b.place.column)
  return new CaseFileErrors(inOrder.map(({ place, message }) => `${showPlace(place)}: ${message}`))
}

const mistakesOf = (
  target: Target,
  file: File,
  requirements: ReadonlyMap<string, Requirement>,
  seen: ReadonlySet<string>
): ReadonlyArray<Mistake> => {
  const { command, kind, name, sound, turns_red: red } = target
  const bound = ROLES[kind]
  return [
    ...(seen.has(name) ? [{ path: ["name"], message: `there is another target ${name}` }] : []),
    ...((command ?? file[kind]?.command) === undefined
      ? [{ path: ["kind"], message: `there is no command, here or for all of the kind ${kind}` }]
      : []),
    ...((red === undefined) === (sound === undefined)
      ? [{ path: [], message: "a target has turns_red, or is sound: true" }]
      : []),
    ...(red ?? []).flatMap((id, index): ReadonlyArray<Mistake> => {
      const at = ["turns_red", index]
      const requirement = requirements.get(id)
      if (requirement === undefined)
        return [{ path: at, message: `there is no requirement ${id} in the specification` }]
      if (red?.indexOf(id) !== index) return [{ path: at, message: `${id} is there twice` }]
      return requirement.roles.some((role) => bound.includes(role))
        ? []
        : [{ path: at, message: `${id} binds ${requirement.roles.join(" and ")}, and no ${kind} breaks it` }]
    })
  ]
}

const word = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

const targetOf = (target: Target, file: File, source: string): BrokenTarget => {
  const defaults = file[target.kind]
  const places: Readonly<Record<string, string>> = {
    bun: word(process.execPath),
    root: word(root.replace(/\/$/, "")),
    flaws: (target.flaws ?? [target.name]).join(" ")
  }
  /** The suite's own placeholders stay. */
  const filled = (text: string): string =>
    text.replaceAll(/\{(bun|root|flaws)\}/g, (whole, name: string) => places[name] ?? whole).trim()
  const scripted = target.scripted_worker ?? defaults?.scripted_worker
  return {
    name: target.name,
    kind: target.kind,
    violates: target.violates,
    turnsRed: target.turns_red ?? [],
    cases: target.cases ?? null,
    command: filled(target.command ?? defaults?.command ?? ""),
    scriptedWorker: scripted === undefined ? null : filled(scripted),
    runtimes: target.runtimes ?? defaults?.runtimes ?? ["bun"],
    runtime: target.runtime ?? defaults?.runtime ?? "other",
    timeoutFactor: target.timeout_factor ?? (target.sound === true ? 1 : (defaults?.timeout_factor ?? 1)),
    byTimeout: target.by_timeout === true,
    source
  }
}

const PROTOCOLS: ReadonlySet<string> = new Set(["worker-protocol", "socket-protocol"])

/** MUSTs of the protocols that workers, or servers and hosts, are held to, and that no broken target turns red. */
export const uncovered = (
  kind: BrokenTarget["kind"],
  targets: ReadonlyArray<BrokenTarget>,
  requirements: ReadonlyMap<string, Requirement>
): { readonly all: number; readonly missing: ReadonlyArray<string> } => {
  const red = new Set(targets.flatMap((one) => (one.kind === kind ? one.turnsRed : [])))
  const musts = [...requirements.values()].filter(
    ({ area, level, roles }) =>
      PROTOCOLS.has(area) && level === "MUST" && roles.some((role) => ROLES[kind].includes(role))
  )
  return {
    all: musts.length,
    missing: musts.filter(({ id }) => !red.has(id)).map(({ id }) => id)
  }
}
