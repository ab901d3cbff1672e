import { Effect, Schema } from "effect"
import { readFile, realpath, stat } from "node:fs/promises"
import { dirname, extname, join, relative, resolve, sep } from "node:path"
import { DeploymentFailed } from "../domain/Errors.ts"

/** Names of an entry file in a folder, tried in this order with each extension. */
const NAMES = ["index", "function", "handler"] as const
/** Extensions of an entry file, tried in this order. */
const EXTENSIONS = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"] as const

/** A file to build, and the project that it belongs to. Absolute paths, symbolic links resolved. */
export interface Entry {
  readonly file: string
  /** The nearest folder upwards with a package.json, else the file's own folder. Names in the bundle are relative to it. */
  readonly root: string
}

const Manifest = Schema.parseJson(
  Schema.Struct({ module: Schema.optional(Schema.Unknown), main: Schema.optional(Schema.Unknown) })
)

/**
 * Finds the file to build. A file is taken as it is. In a folder it is the first that exists of: `module` and `main` of
 * its package.json; then `index`, `function`, `handler`, each with `.ts .tsx .mts .cts .js .jsx .mjs .cjs`.
 *
 * Fails with `DeploymentFailed`, stage "bundle": missing, empty, not a program, a folder without an entry, a loop of
 * symbolic links, not readable.
 */
export const findEntry = (path: string): Effect.Effect<Entry, DeploymentFailed> =>
  Effect.gen(function* () {
    const given = resolve(path)
    const kind = yield* kindOf(given)
    const file = kind === "folder" ? yield* findInFolder(given) : given
    if (kind === "missing") {
      return yield* refuse(given, "there is no such file or folder")
    }
    if (!(EXTENSIONS as ReadonlyArray<string>).includes(extname(file))) {
      return yield* refuse(
        file,
        `this is not a TypeScript or JavaScript file; its name must end in ${or(EXTENSIONS)}`
      )
    }
    const text = yield* reading(file, () => readFile(file, "utf8"))
    if (text.trim() === "") {
      return yield* refuse(
        file,
        'the file is empty; export a handler: export default (req: Request) => new Response("hello")'
      )
    }
    const real = yield* reading(file, () => realpath(file))
    return { file: real, root: yield* projectOf(real) }
  })

const findInFolder = (folder: string): Effect.Effect<string, DeploymentFailed> =>
  Effect.gen(function* () {
    const lookedFor: Array<string> = []
    for (const { field, target } of yield* manifestEntries(folder)) {
      const file = resolve(folder, target)
      if ((yield* kindOf(file)) === "file") return file
      lookedFor.push(`${target} (${field} of package.json)`)
    }
    for (const name of NAMES) {
      for (const extension of EXTENSIONS) {
        const file = join(folder, name + extension)
        if ((yield* kindOf(file)) === "file") return file
      }
    }
    lookedFor.push(`${NAMES.join(", ")} with ${EXTENSIONS.join(" ")}`)
    return yield* refuse(folder, `this folder has no file to begin with; looked for: ${lookedFor.join("; ")}`)
  })

const manifestEntries = (folder: string) =>
  Effect.gen(function* () {
    const file = join(folder, "package.json")
    if ((yield* kindOf(file)) !== "file") return []
    const text = yield* reading(file, () => readFile(file, "utf8"))
    const manifest = yield* Schema.decode(Manifest)(text).pipe(
      Effect.mapError(
        () => new DeploymentFailed({ stage: "bundle", file: shown(file), reason: "this is not valid JSON" })
      )
    )
    return (["module", "main"] as const).flatMap((field) => {
      const target = manifest[field]
      return typeof target === "string" && target !== "" ? [{ field, target }] : []
    })
  })

/** Folders upwards of a file, nearest first. */
const projectOf = (file: string): Effect.Effect<string, DeploymentFailed> =>
  Effect.gen(function* () {
    let folder = dirname(file)
    for (;;) {
      if ((yield* kindOf(join(folder, "package.json"))) === "file") return folder
      const parent = dirname(folder)
      if (parent === folder) return dirname(file)
      folder = parent
    }
  })

const kindOf = (path: string): Effect.Effect<"file" | "folder" | "missing", DeploymentFailed> =>
  Effect.tryPromise(() => stat(path)).pipe(
    Effect.mapError(({ cause }) => cause as NodeJS.ErrnoException),
    Effect.matchEffect({
      onSuccess: (found) => {
        if (found.isDirectory()) return Effect.succeed("folder" as const)
        if (found.isFile()) return Effect.succeed("file" as const)
        return refuse(path, "this is neither a file nor a folder")
      },
      onFailure: (cause) =>
        cause.code === "ENOENT" || cause.code === "ENOTDIR"
          ? Effect.succeed("missing" as const)
          : refuse(path, unreadable(cause))
    })
  )

const reading = <A>(path: string, read: () => Promise<A>): Effect.Effect<A, DeploymentFailed> =>
  Effect.tryPromise({
    try: read,
    catch: (cause) =>
      new DeploymentFailed({
        stage: "bundle",
        file: shown(path),
        reason: unreadable(cause as NodeJS.ErrnoException)
      })
  })

const unreadable = (cause: NodeJS.ErrnoException): string => {
  switch (cause.code) {
    case "ELOOP":
      return "this is a symbolic link that leads back to itself"
    case "EACCES":
    case "EPERM":
      return "this cannot be read: permission denied"
    case "ENAMETOOLONG":
      return "this path is too long"
    case "ENOENT":
      return "there is no such file"
    default:
      return `this cannot be read (${cause.code ?? cause.message})`
  }
}

const refuse = (path: string, reason: string): Effect.Effect<never, DeploymentFailed> =>
  new DeploymentFailed({ stage: "bundle", file: shown(path), reason })

const or = (items: ReadonlyArray<string>): string => `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`

/** A path as a person at this terminal would write it: relative where it lies below the current folder. */
export const shown = (path: string): string => {
  const short = relative(process.cwd(), path)
  return short === "" ? "." : short === ".." || short.startsWith(".." + sep) ? path : short
}
