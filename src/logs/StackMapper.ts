import { type SourceMapInput, originalPositionFor, TraceMap } from "@jridgewell/trace-mapping"
import { readFile, stat } from "node:fs/promises"
import { dirname } from "node:path"

/** Parsed maps that are kept; the one used longest ago makes room. A map of a large bundle is tens of megabytes. */
const MAX_MAPS = 16
/** A larger map is not worth the pause of parsing it. */
const MAX_MAP_BYTES = 64 * 1024 * 1024

interface Known {
  /** Which file this was made of: a version that was taken back may come again with other content. */
  readonly stamp: string
  readonly map: TraceMap | null
}

/**
 * Brings positions in a bundle (`/…/bundle.js:12:34`) back to the sources (`src/hello.ts:3:9`), with the bundle's
 * `bundle.js.map`. What cannot be mapped stays as it is. For one caller at a time.
 */
export class StackMapper {
  readonly #known = new Map<string, Known>()

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
    const path = `${bundlePath}.map`
    const stamp = await stampOf(path)
    const known = this.#known.get(bundlePath)
    // Taken out and put back in: a Map keeps the order of insertion, so the first is the one used longest ago.
    this.#known.delete(bundlePath)
    const next = known?.stamp === stamp ? known : { stamp, map: stamp === "" ? null : await readMap(path) }
    this.#known.set(bundlePath, next)
    if (this.#known.size > MAX_MAPS) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest)
        break
      }
    }
    return next.map
  }
}

/** Empty where there is no map to read. */
const stampOf = async (path: string): Promise<string> => {
  try {
    const { ino, mtimeMs, size } = await stat(path)
    return size > MAX_MAP_BYTES ? "" : `${ino}:${mtimeMs}:${size}`
  } catch {
    return ""
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
