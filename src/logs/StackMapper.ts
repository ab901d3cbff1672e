import { type SourceMapInput, originalPositionFor, TraceMap } from "@jridgewell/trace-mapping"
import { readFile, stat } from "node:fs/promises"
import { dirname } from "node:path"

export interface StackMapperLimits {
  /** A larger map is not read: parsing it would hold up everybody else on the server's loop. */
  readonly mapBytes: number
  /** What the maps that are kept parsed may come to, as files; the one used longest ago makes room. */
  readonly keptBytes: number
}

const defaultLimits: StackMapperLimits = { mapBytes: 8 * 1024 * 1024, keptBytes: 32 * 1024 * 1024 }

/** Bundles of which something is known, a map or that there is none. */
const MAX_KNOWN = 256

interface Known {
  /** Which file this was made of: a version that was taken back may come again with other content. */
  readonly stamp: string
  readonly map: TraceMap | null
  /** Size of the map's file; 0 where it was not read. */
  readonly bytes: number
}

/** The file of a map now. */
interface MapFile {
  readonly stamp: string
  readonly bytes: number
}

const NO_MAP: Known = { stamp: "", map: null, bytes: 0 }

/**
 * Brings positions in a bundle (`/…/bundle.js:12:34`) back to the sources (`src/hello.ts:3:9`), with the bundle's
 * `bundle.js.map`. What cannot be mapped stays as it is, also where the map is too large. For one caller at a time.
 */
export class StackMapper {
  readonly #known = new Map<string, Known>()
  readonly #tooLarge: (bundlePath: string, bytes: number, limitBytes: number) => void
  readonly #limits: StackMapperLimits
  #keptBytes = 0

  /** `tooLarge` hears once of each map that is over the limit, when a stack comes that it would have been for. */
  constructor(
    tooLarge: (bundlePath: string, bytes: number, limitBytes: number) => void = () => {},
    limits: StackMapperLimits = defaultLimits
  ) {
    this.#tooLarge = tooLarge
    this.#limits = limits
  }

  /** What the parsed maps that are kept come to, as files. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  /** `text` with every position in the bundle replaced. */
  async map(text: string, bundlePath: string): Promise<string> {
    const folder = `${dirname(bundlePath)}/`
    if (!text.includes(folder)) return text
    // Bun maps some stacks itself, and takes the sources to lie beside the bundle, where they do not.
    const short = text.replaceAll(folder, (_, at: number) => (text.startsWith(bundlePath, at) ? folder : ""))
    if (!short.includes(bundlePath)) return short
    const map = await this.#mapOf(bundlePath)
    return map === null ? short : replacePositions(short, bundlePath, map)
  }

  async #mapOf(bundlePath: string): Promise<TraceMap | null> {
    const file = await fileOf(`${bundlePath}.map`)
    const before = this.#forget(bundlePath)
    const isSame = before !== undefined && before.stamp === (file?.stamp ?? NO_MAP.stamp)
    const known = isSame ? before : await this.#read(bundlePath, file)
    // Taken out and put back in: a Map keeps the order of insertion, so the first is the one used longest ago.
    this.#known.set(bundlePath, known)
    this.#keptBytes += known.bytes
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN && this.#keptBytes <= this.#limits.keptBytes) break
      this.#forget(oldest)
    }
    return known.map
  }

  async #read(bundlePath: string, file: MapFile | null): Promise<Known> {
    if (file === null) return NO_MAP
    const { mapBytes } = this.#limits
    if (file.bytes <= mapBytes) return { ...file, map: await readMap(`${bundlePath}.map`) }
    this.#tooLarge(bundlePath, file.bytes, mapBytes)
    return { stamp: file.stamp, map: null, bytes: 0 }
  }

  #forget(bundlePath: string): Known | undefined {
    const known = this.#known.get(bundlePath)
    if (known === undefined) return undefined
    this.#known.delete(bundlePath)
    this.#keptBytes -= known.bytes
    return known
  }
}

/** Null where there is no map to read. */
const fileOf = async (path: string): Promise<MapFile | null> => {
  try {
    const { ino, mtimeMs, size } = await stat(path)
    return { stamp: `${ino}:${mtimeMs}:${size}`, bytes: size }
  } catch {
    return null
  }
}

const readMap = async (path: string): Promise<TraceMap | null> => {
  try {
    // The library checks what it uses and throws for the rest; what it throws for is no map.
    const parsed: SourceMapInput = JSON.parse(await readFile(path, "utf8"))
    return new TraceMap(parsed)
  } catch {
    return null
  }
}

const position = /:(\d{1,9}):(\d{1,9})/y

const replacePositions = (text: string, bundlePath: string, map: TraceMap): string => {
  let result = ""
  let from = 0
  for (let at = text.indexOf(bundlePath); at !== -1; at = text.indexOf(bundlePath, at + 1)) {
    position.lastIndex = at + bundlePath.length
    const found = position.exec(text)
    if (found === null) continue
    const original = originalOf(map, Number(found[1]), Number(found[2]))
    if (original === null) continue
    const scheme = "file://"
    const start = text.startsWith(scheme, at - scheme.length) ? at - scheme.length : at
    result += text.slice(from, start) + original
    from = position.lastIndex
  }
  return result + text.slice(from)
}

/** Lines and columns of a stack are 1-based; of a map, lines are 1-based and columns 0-based. */
const originalOf = (map: TraceMap, line: number, column: number): string | null => {
  if (line < 1 || column < 1) return null
  try {
    const found = originalPositionFor(map, { line, column: column - 1 })
    return found.source === null ? null : `${found.source}:${found.line}:${found.column + 1}`
  } catch {
    // The mappings are decoded at the first look-up, and a damaged one shows only then.
    return null
  }
}
