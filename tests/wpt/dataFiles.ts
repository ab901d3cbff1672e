import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { join } from "node:path"

/** The folder with web-platform-tests' data: BUNBASE_WPT_DATA, or beside the repository. */
export const dataFolder =
  process.env["BUNBASE_WPT_DATA"] ?? fileURLToPath(new URL("../../../shared/data/wpt", import.meta.url))

export interface DataCase {
  readonly name: string
  readonly entry: object
}

type Entries = ReadonlyArray<unknown> | Readonly<Record<string, unknown>>

const nameOfUrl = (entry: object): string => {
  const { input, base } = entry as { readonly input: string; readonly base: string | null }
  return `${JSON.stringify(input)}${base === null ? "" : ` against ${JSON.stringify(base)}`}`
}
/** Comments are strings among the entries. */
const listed =
  (name: (entry: object) => string) =>
  (entries: Entries): ReadonlyArray<DataCase> =>
    (entries as ReadonlyArray<unknown>).flatMap((entry) =>
      typeof entry === "object" && entry !== null ? [{ name: name(entry), entry }] : []
    )

/** Per data file how its entries run (inside/data.ts), and what they are. */
const KINDS: Readonly<
  Record<string, readonly [kind: string, read: (entries: Entries) => ReadonlyArray<DataCase>]>
> = {
  "urltestdata.json": ["url", listed(nameOfUrl)],
  "urltestdata-javascript-only.json": ["url", listed(nameOfUrl)],
  "setters_tests.json": [
    "setter",
    (entries) =>
      Object.entries(entries as Readonly<Record<string, ReadonlyArray<object>>>)
        .filter(([setter]) => setter !== "comment")
        .flatMap(([setter, list]) =>
          list.map((entry) => {
            const { href, new_value: value } = entry as { readonly href: string; readonly new_value: string }
            return {
              name: `${setter} of ${JSON.stringify(href)} = ${JSON.stringify(value)}`,
              entry: { ...entry, setter }
            }
          })
        )
  ],
  "urlpatterntestdata.json": [
    "pattern",
    listed((entry) => {
      const { pattern, inputs } = entry as { readonly pattern: unknown; readonly inputs?: unknown }
      return `${JSON.stringify(pattern)}${inputs === undefined ? "" : ` on ${JSON.stringify(inputs)}`}`
    })
  ],
  "base64.json": ["base64", listed((entry) => JSON.stringify((entry as ReadonlyArray<unknown>)[0]))]
}

/** The names of equal cases are numbered. */
const numbered = (cases: ReadonlyArray<DataCase>): ReadonlyArray<DataCase> => {
  const seen = new Map<string, number>()
  return cases.map(({ name, entry }) => {
    const count = (seen.get(name) ?? 0) + 1
    seen.set(name, count)
    return { name: count === 1 ? name : `${name} (${count})`, entry }
  })
}

/** The cases of a data file, or null where the folder is not there. Throws where the folder lacks this file. */
export const readDataFile = (
  file: string
): { readonly kind: string; readonly cases: ReadonlyArray<DataCase> } | null => {
  if (!existsSync(dataFolder)) return null
  const [kind, read] = KINDS[file] as (typeof KINDS)[string]
  const cases = numbered(read(JSON.parse(readFileSync(join(dataFolder, file), "utf8")) as Entries))
  return { kind, cases }
}
