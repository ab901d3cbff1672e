import { makeSuite, type Result } from "./tests.ts"

export interface TestFile {
  /** Path from the folder's root. */
  readonly path: string
  /** What its META lines include, and then the file itself, in order. */
  readonly scripts: ReadonlyArray<{ readonly path: string; readonly text: string }>
  /** Files that it fetches: path as it writes it → content. */
  readonly resources: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

export interface FileResult {
  /** Why not all of the file ran; empty when it did. */
  readonly failure: string
  readonly results: ReadonlyArray<Result>
}

/** Makes the global scope look as tests of a worker expect it, and nothing more than they need to begin. */
const prepare = (file: TestFile, functions: Readonly<Record<string, unknown>>): void => {
  const scope = globalThis as unknown as Record<string, unknown>
  scope["self"] ??= globalThis
  const href = `http://web-platform.test/${file.path}`
  const { pathname, origin } = new URL(href)
  scope["location"] ??= { href, pathname, origin, search: "", hash: "", toString: () => href }
  // shared buffers may be refused by structuredClone
  scope["crossOriginIsolated"] ??= false
  scope["GLOBAL"] = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false }
  const fetched = scope["fetch"] as ((...args: Array<unknown>) => Promise<Response>) | undefined
  scope["fetch"] = async (input: unknown, ...rest: Array<unknown>): Promise<Response> => {
    const there = file.resources[String(input)]
    if (there !== undefined) return new Response(there)
    if (fetched === undefined) throw new TypeError("there is no fetch")
    return fetched(input, ...rest)
  }
  scope["fetch_json"] = async (resource: string): Promise<unknown> => {
    const response = await (scope["fetch"] as (input: string) => Promise<Response>)(resource)
    return response.json()
  }
  Object.assign(scope, functions)
}

/**
 * What `common/sab.js` defines. It asks WebAssembly for the constructor of shared buffers, because browsers hide it; where
 * there is no WebAssembly, the constructor is there by its name.
 */
const SHARED_BUFFERS = "const createBuffer = (type, length, options) => new globalThis[type](length, options)"

const textOf = ({ path, text }: TestFile["scripts"][number]): string =>
  path === "common/sab.js" && !("WebAssembly" in globalThis) ? SHARED_BUFFERS : text

/** Runs one file of tests in this process, which must be a fresh one. */
export const runFile = async (file: TestFile): Promise<FileResult> => {
  const { setTimeout: later } = globalThis
  const suite = makeSuite(file.path, (f, ms) => later(f, ms))
  prepare(file, suite.functions)
  let failure = ""
  try {
    // Classic scripts share one global scope, also for their let and const: so all of them are one script here.
    const source = file.scripts.map((script) => `// ${script.path}\n${textOf(script)}`).join("\n;\n")
    // oxlint-disable-next-line no-eval -- a classic script: sloppy, its variables global
    ;(0, eval)(source)
  } catch (error) {
    failure = `${String(error)}`
  }
  return suite.finish(failure, file.timeoutMs)
}
