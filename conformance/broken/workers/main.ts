/**
 * A worker that is right but for its flaws:
 *
 *     bun conformance/broken/workers/main.ts FLAW… [--bundle PATH [--handler NAME]]
 */
import { existsSync } from "node:fs"
import { parseArgs } from "node:util"
import { Worker } from "./base.ts"
import type { Flaw } from "./Flaw.ts"

const text = { type: "string" } as const
const { positionals, values } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { bundle: text, handler: text }
})

const load = async (name: string): Promise<Flaw> => {
  const url = new URL(`flaws/${name}.ts`, import.meta.url)
  if (existsSync(url)) return ((await import(url.href)) as { readonly default: Flaw }).default
  process.stderr.write(`broken worker: there is no flaw ${name}\n`)
  return process.exit(2)
}

const { bundle, handler } = values
const worker = new Worker(await Promise.all(positionals.map(load)))
await worker.run(typeof bundle === "string" ? bundle : null, typeof handler === "string" ? handler : "")
